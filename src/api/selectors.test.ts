import { describe, expect, it } from 'vitest';
import { matchLabelSelector, parseFieldSelector, parseLabelSelector } from './selectors.ts';
import type { Kind, KubeObject } from './types.ts';

describe('parseLabelSelector', () => {
  const labels = { app: 'web', tier: 'front', n: '5', empty: '' };
  it.each([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier != back', true],
    ['app!=web', false],
    ['missing!=x', true],
    ['app in (web, db)', true],
    ['app in (db)', false],
    ['app notin (db,)', true],
    ['missing notin (a)', true],
    ['missing in ()', false],
    ['app', true],
    ['!app', false],
    ['! missing', true],
    ['empty=', true],
    ['empty in ()', true],
    ['n>4', true],
    ['n<5', false],
    ['app>1', false],
    ['toString', false],
    ['in in (in)', false],
    ['app,tier=front,!x', true],
  ])('%j: %s', (text, expected) => expect(parseLabelSelector(text)(labels)).toBe(expected));

  it.each([
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a=b,', "found '', expected: identifier after ','"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    [
      '-a',
      `unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
    [
      'a=-',
      `unable to parse requirement: values[0][a]: Invalid value: "-": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    ],
    [
      'a>b',
      `unable to parse requirement: values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
  ])('refuses %j', (text, message) => expect(() => parseLabelSelector(text)).toThrow(message));
});

describe('matchLabelSelector', () => {
  it('undefined selects nothing, {} everything', () => {
    expect(matchLabelSelector(undefined, { a: 'b' })).toBe(false);
    expect(matchLabelSelector({}, undefined)).toBe(true);
  });
  it.each([
    [{ matchLabels: { a: 'b' } }, true],
    [{ matchLabels: { a: 'c' } }, false],
    [{ matchLabels: { a: 'b' }, matchExpressions: [{ key: 'x', operator: 'Exists' }] }, false],
    [{ matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] }, true],
    [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }, true],
    [{ matchExpressions: [{ key: 'x', operator: 'NotIn', values: ['b'] }] }, true],
    [{ matchExpressions: [{ key: 'a', operator: 'Near', values: ['b'] }] }, false],
  ])('%j: %s', (selector, expected) => expect(matchLabelSelector(selector, { a: 'b' })).toBe(expected));
});

describe('parseFieldSelector', () => {
  const object = (fields: object): KubeObject =>
    ({ metadata: { name: 'n', namespace: 'ns' }, ...fields }) as KubeObject;
  it.each<[Kind, string, object, boolean]>([
    ['Pod', '', {}, true],
    ['Pod', 'metadata.name=n,metadata.namespace!=x', {}, true],
    ['Pod', 'spec.nodeName=', { spec: {} }, true],
    ['Pod', 'spec.nodeName=node-1', { spec: { nodeName: 'node-1' } }, true],
    ['Pod', 'status.phase!=Succeeded,status.phase!=Failed', { status: { phase: 'Running' } }, true],
    ['Pod', 'spec.hostNetwork=false', { spec: {} }, true],
    ['Node', 'spec.unschedulable=false', { spec: {} }, true],
    ['Node', 'spec.unschedulable==true', { spec: { unschedulable: true } }, true],
    [
      'Event',
      'involvedObject.uid=u,source=kubelet',
      { involvedObject: { uid: 'u' }, source: { component: 'kubelet' } },
      true,
    ],
    ['Event', 'source=kubelet', { source: {}, reportingComponent: 'kubelet' }, true],
    ['Event', 'reason=a\\,b\\=c', { reason: 'a,b=c' }, true],
    ['Lease', 'metadata.name=other', {}, false],
  ])('%s %j', (kind, text, fields, expected) => expect(parseFieldSelector(kind, text)(object(fields))).toBe(expected));
  it.each<[Kind, string, string]>([
    ['Pod', 'spec.foo=1', 'field label not supported: spec.foo'],
    ['Pod', 'toString=1', 'field label not supported: toString'],
    ['Lease', 'spec.foo=1', '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"'],
    ['Pod', 'spec.foo', "invalid selector: 'spec.foo'; can't understand 'spec.foo'"],
  ])('%s refuses %j', (kind, text, message) => expect(() => parseFieldSelector(kind, text)).toThrow(message));
});
