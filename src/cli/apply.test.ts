import { describe, expect, it } from 'vitest';
import { applyPatch, withLastApplied } from './apply.ts';
import type { ManifestObject } from './manifests.ts';

const service = (spec: Record<string, unknown>, metadata = {}): ManifestObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', ...metadata },
  spec,
});
/** What the server holds after a manifest was applied: with defaults and fields of others. */
const live = (manifest: ManifestObject, spec: Record<string, unknown>): Record<string, unknown> => ({
  ...withLastApplied(manifest),
  spec: { ...(manifest.spec as object), ...spec },
  status: {},
});

describe('applyPatch', () => {
  it('is nothing when the live object already says what the manifest says', () => {
    const manifest = service({ ports: [{ port: 80 }] });
    const held = live(manifest, { ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], clusterIP: '10.96.0.7' });
    expect(applyPatch(manifest, held)).toBeUndefined();
  });

  it("changes what differs and leaves others' fields alone", () => {
    const held = live(service({ selector: { app: 'a' } }), { clusterIP: '10.96.0.7' });
    const patch = applyPatch(service({ selector: { app: 'b' } }), held) as { spec: unknown };
    expect(patch.spec).toEqual({ selector: { app: 'b' } });
  });

  it('takes away what the manifest said last time and no longer says', () => {
    const held = live(service({ selector: { app: 'a', tier: 'x' }, type: 'NodePort' }), {});
    const patch = applyPatch(service({ selector: { app: 'a' } }), held) as { spec: unknown };
    expect(patch.spec).toEqual({ selector: { app: 'a', tier: null }, type: null });
  });

  it('mends what somebody changed by hand', () => {
    const manifest = service({ type: 'ClusterIP' });
    expect(applyPatch(manifest, { ...live(manifest, {}), spec: { type: 'NodePort' } })).toMatchObject({
      spec: { type: 'ClusterIP' },
    });
  });

  it('adopts an object that was created otherwise', () => {
    const patch = applyPatch(service({ type: 'NodePort' }), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: {},
    });
    expect(patch).toMatchObject({
      spec: { type: 'NodePort' },
      metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': expect.any(String) } },
    });
  });

  it('keeps its memory in the form that kubectl reads: one JSON line without the annotation itself', () => {
    const text = withLastApplied(service({ type: 'NodePort' })).metadata.annotations?.[
      'kubectl.kubernetes.io/last-applied-configuration'
    ];
    expect(text?.endsWith('\n')).toBe(true);
    expect(JSON.parse(text ?? '')).toEqual({
      ...service({ type: 'NodePort' }),
      metadata: { name: 'web', annotations: {} },
    });
  });
});
