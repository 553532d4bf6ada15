import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kubeconfig, mergeKubeconfig, withoutCluster } from './kubeconfig.ts';

const access = { name: 'podlan', server: 'https://127.0.0.1:6443', ca: 'CA', cert: 'CERT', key: 'KEY' };
const other =
  'apiVersion: v1\nkind: Config\nclusters: [{name: prod, cluster: {server: "https://prod"}}]\nusers: []\ncontexts: [{name: prod, context: {cluster: prod}}]\ncurrent-context: prod\npreferences: {colors: true}\n';

describe('kubeconfig', () => {
  it('stands alone', () => {
    expect(parse(kubeconfig(access))).toMatchObject({
      'current-context': 'podlan',
      clusters: [{ name: 'podlan', cluster: { server: access.server, 'certificate-authority-data': 'Q0E=' } }],
    });
  });

  it('merges beside what is there, twice as once, and goes without a trace', () => {
    const once = mergeKubeconfig(other, access);
    expect(mergeKubeconfig(once, access)).toBe(once);
    expect(parse(once)).toMatchObject({
      'current-context': 'podlan',
      preferences: { colors: true },
      clusters: [{ name: 'prod' }, { name: 'podlan' }],
    });
    expect(parse(withoutCluster(once, 'podlan', 'CA') ?? '')).toEqual(parse(other));
  });

  it('keeps the namespace that its user has set, as long as it is the same cluster', () => {
    const mine = kubeconfig(access).replace('cluster: podlan\n', 'cluster: podlan\n      namespace: my-app\n');
    const context = (text: string): unknown =>
      (parse(text) as { contexts: { context: object }[] }).contexts[0]?.context;
    expect(context(kubeconfig(access, mine))).toEqual({ cluster: 'podlan', user: 'podlan', namespace: 'my-app' });
    expect(context(kubeconfig({ ...access, server: 'https://127.0.0.1:6444' }, mine))).toHaveProperty('namespace');
    expect(context(kubeconfig({ ...access, ca: 'NEW' }, mine))).toEqual({ cluster: 'podlan', user: 'podlan' });
    expect(kubeconfig(access, 'a: [')).toBe(kubeconfig(access));
  });

  it('names a cluster `no` for readers of YAML 1.1 too, and reads them as they do', () => {
    expect(parse(kubeconfig({ ...access, name: 'no' }), { version: '1.1' })).toMatchObject({ 'current-context': 'no' });
    const loose = 'clusters: [{name: lab, cluster: {insecure-skip-tls-verify: yes}}]';
    expect(parse(mergeKubeconfig(loose, access))).toMatchObject({
      clusters: [{ cluster: { 'insecure-skip-tls-verify': true } }, { name: 'podlan' }],
    });
  });

  it("leaves another cluster's context of the same name alone", () => {
    expect(withoutCluster(mergeKubeconfig('', access), 'podlan', 'another CA')).toBeUndefined();
  });

  it('refuses what is not YAML', () => {
    expect(() => mergeKubeconfig('a: [', access)).toThrow(/not a kubeconfig/);
  });
});
