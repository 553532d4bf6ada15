import { describe, expect, it } from 'vitest';
import { rootSchema } from '../../api/schema.ts';
import { jsonPatch } from './json.ts';
import { mergePatch } from './merge.ts';
import { strategicPatch } from './strategic.ts';

describe('merge patch (examples of RFC 7386)', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j + %j = %j', (target, patch, wanted) => expect(mergePatch(target, patch)).toEqual(wanted));
});

describe('JSON patch (examples of RFC 6902)', () => {
  it.each([
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { foo: 'bar', baz: 'qux' }],
    [{ foo: ['a', 'c'] }, [{ op: 'add', path: '/foo/1', value: 'b' }], { foo: ['a', 'b', 'c'] }],
    [{ foo: ['a'] }, [{ op: 'add', path: '/foo/-', value: ['b'] }], { foo: ['a', ['b']] }],
    [{ foo: ['a', 'b'] }, [{ op: 'remove', path: '/foo/0' }], { foo: ['b'] }],
    [{ foo: { bar: 1 }, q: {} }, [{ op: 'move', from: '/foo/bar', path: '/q/x' }], { foo: {}, q: { x: 1 } }],
    [{ a: [1, 2, 3] }, [{ op: 'move', from: '/a/0', path: '/a/2' }], { a: [2, 3, 1] }],
    [{ a: 1 }, [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1 }],
    [
      { 'a/b': 1, 'm~n': 2 },
      [
        { op: 'replace', path: '/a~1b', value: 9 },
        { op: 'remove', path: '/m~0n' },
      ],
      { 'a/b': 9 },
    ],
    [
      { a: { x: [1, { y: 2 }] } },
      [{ op: 'test', path: '/a', value: { x: [1, { y: 2 }] } }],
      { a: { x: [1, { y: 2 }] } },
    ],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
  ])('%j + %j = %j', (target, patch, wanted) => expect(jsonPatch(target, patch)).toEqual(wanted));

  it.each([
    [{ foo: 'bar' }, [{ op: 'test', path: '/foo', value: 'x' }]],
    [{ foo: 'bar' }, [{ op: 'add', path: '/a/b', value: 1 }]],
    [{ foo: 'bar' }, [{ op: 'remove', path: '/nope' }]],
    [{ foo: 'bar' }, [{ op: 'replace', path: '/nope', value: 1 }]],
    [{ a: [1] }, [{ op: 'add', path: '/a/5', value: 1 }]],
    [{ a: [1] }, [{ op: 'add', path: '/a/01', value: 1 }]],
    [{ a: 1 }, [{ op: 'nonsense', path: '/a' }]],
    [{ a: 1 }, { op: 'add' }],
  ])('%j + %j is refused', (target, patch) => expect(() => jsonPatch(target, patch)).toThrow());

  it('leaves the document as it was', () => {
    const document = { a: [1, 2] };
    jsonPatch(document, [{ op: 'remove', path: '/a/0' }]);
    expect(document).toEqual({ a: [1, 2] });
  });
});

describe('strategic merge patch', () => {
  const pod = (containers: unknown[], more = {}): object => ({ spec: { containers, ...more } });
  const patchPod = (target: unknown, patch: unknown): unknown => strategicPatch(target, patch, rootSchema('Pod'));

  it('merges lists by their key', () => {
    const target = pod([
      { name: 'a', image: '1', ports: [{ containerPort: 80 }] },
      { name: 'b', image: '1' },
    ]);
    expect(patchPod(target, pod([{ name: 'a', image: '2', ports: [{ containerPort: 81 }] }, { name: 'c' }]))).toEqual(
      pod([
        { name: 'a', image: '2', ports: [{ containerPort: 80 }, { containerPort: 81 }] },
        { name: 'b', image: '1' },
        { name: 'c' },
      ]),
    );
  });

  it('removes and replaces elements, objects and lists', () => {
    const target = pod([{ name: 'a' }, { name: 'b' }], { nodeSelector: { x: '1', y: '2' } });
    expect(patchPod(target, pod([{ name: 'a', $patch: 'delete' }]))).toMatchObject(pod([{ name: 'b' }]));
    expect(patchPod(target, pod([{ $patch: 'replace' }, { name: 'z' }]))).toMatchObject(pod([{ name: 'z' }]));
    expect(patchPod(target, { spec: { nodeSelector: { $patch: 'replace', z: '3' } } })).toMatchObject({
      spec: { nodeSelector: { z: '3' } },
    });
    expect(patchPod(target, { spec: { nodeSelector: { x: null } } })).toMatchObject({
      spec: { nodeSelector: { y: '2' } },
    });
    expect((patchPod(target, { spec: { nodeSelector: null } }) as { spec: object }).spec).not.toHaveProperty(
      'nodeSelector',
    );
  });

  it('replaces lists that are not merged', () => {
    const target = pod([{ name: 'a', args: ['x', 'y'] }]);
    expect(patchPod(target, pod([{ name: 'a', args: ['z'] }]))).toEqual(pod([{ name: 'a', args: ['z'] }]));
  });

  it('unites lists of scalars, and takes out of them', () => {
    const target = { metadata: { finalizers: ['a', 'b'] } };
    expect(patchPod(target, { metadata: { finalizers: ['b', 'c'] } })).toEqual({
      metadata: { finalizers: ['a', 'b', 'c'] },
    });
    expect(patchPod(target, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } })).toEqual({
      metadata: { finalizers: ['b'] },
    });
  });

  it('keeps only the named keys of a union', () => {
    const target = pod([], { volumes: [{ name: 'v', emptyDir: {} }] });
    const patch = pod([], { volumes: [{ name: 'v', hostPath: { path: '/x' }, $retainKeys: ['name', 'hostPath'] }] });
    expect(patchPod(target, patch)).toEqual(pod([], { volumes: [{ name: 'v', hostPath: { path: '/x' } }] }));
  });

  it('puts the list into the order that is asked for; what only the server has stays where it was', () => {
    const target = pod([{ name: 'injected' }, { name: 'a' }, { name: 'b' }]);
    const patch = {
      spec: {
        $setElementOrder: undefined,
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'c' }, { name: 'a' }],
        containers: [{ name: 'c' }],
      },
    };
    expect(patchPod(target, patch)).toEqual(pod([{ name: 'injected' }, { name: 'b' }, { name: 'c' }, { name: 'a' }]));
  });

  it('needs the key of an element', () => {
    expect(() => patchPod(pod([{ name: 'a' }]), pod([{ image: 'x' }]))).toThrow(
      'does not contain declared merge key: name',
    );
  });

  it('changes nothing of its arguments', () => {
    const target = pod([{ name: 'a', ports: [{ containerPort: 1 }] }]);
    const before = structuredClone(target);
    patchPod(target, pod([{ name: 'a', ports: [{ containerPort: 2 }] }]));
    expect(target).toEqual(before);
  });
});
