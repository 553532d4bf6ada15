// What is wrong is said in one line that names the field, with an exit code, and nothing half-applied is hidden.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, describeCluster, podlan, run, startCluster, testName, yaml } from './cluster.ts';

let cluster: Cluster;
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'podlan-bad-'));
  cluster = startCluster('bad', ['--nodes', '1']);
});
afterAll(() => {
  cluster.down();
  rmSync(dir, { recursive: true });
});

const deployment = (labels: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: ${labels}}
    spec: {containers: [{name: c, image: host}]}`;
const service = (spec: string): string => `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: ${spec}}`;

const refused: [what: string, manifest: string, message: RegExp][] = [
  [
    'an unknown kind',
    '{apiVersion: v1, kind: Gadget, metadata: {name: g}}',
    /no matches for kind "Gadget" in version "v1"/,
  ],
  ['a wrong type', service('{ports: [{port: eighty}]}'), /ports.*port/],
  ['an unknown field', service('{ports: [{port: 80}], colour: red}'), /unknown field "(spec\.)?colour"/],
  [
    'a bad name',
    '{apiVersion: v1, kind: ConfigMap, metadata: {name: Bad_Name}}',
    /metadata\.name: Invalid value: "Bad_Name"/,
  ],
  [
    'a port out of range',
    service('{ports: [{port: 70000}]}'),
    /spec\.ports\[0\]\.port: Invalid value: 70000: must be between 1 and 65535, inclusive/,
  ],
  [
    'a selector that does not match the template',
    deployment('{app: other}'),
    /spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`/,
  ],
  ['a field that podlan does not support yet', service('{type: LoadBalancer, ports: [{port: 80}]}'), /spec\.type/],
];

describe('kubectl apply refuses', () => {
  it.each(refused)('%s', (_, manifest, message) => {
    const result = cluster.tryKubectl(['apply', '-f', '-'], { input: yaml(manifest) });
    expect(result.code).toBe(1);
    expect(result.err).toMatch(message);
    expect(
      cluster.tryKubectl(['get', 'services,deployments,configmaps', '-n', 'default', '-o', 'name']).out,
    ).not.toMatch(/\/(web|g|Bad_Name)$/m);
  });
});

describe('podlan up -f refuses', () => {
  it.each(refused)('%s', (_, manifest, message) => {
    const result = cluster.podlan(['up', '-f', '-'], { input: manifest });
    expect(result.code).toBe(1);
    expect(result.err).toMatch(message);
    expect(result.err).toMatch(/nothing was applied/);
  });

  it('says what was applied all the same when one of several is refused', () => {
    const file = join(dir, 'mixed.yaml');
    writeFileSync(
      file,
      `{apiVersion: v1, kind: ConfigMap, metadata: {name: good}}\n---\n${service('{ports: [{port: 0}]}')}`,
    );
    const result = cluster.podlan(['up', '-f', file]);
    expect(result.code).toBe(1);
    expect(result.err).toContain(`${file}:3: Service "web" is invalid`);
    expect(result.err).toContain('applied all the same: configmap good (created)');
  });

  it.each([
    ['a file that is not there', ['-f', '/no/such.yaml'], /there is no such file or directory/, 1],
    ['a broken file', ['-f', 'broken.yaml'], /broken\.yaml:2: not YAML/, 1],
    ['a bad cluster name', ['--name', 'Not_A_Name'], /wanted 1 to 30 of a-z/, 2],
    ['a number of nodes out of range', ['--nodes', '0'], /wanted a whole number from 1 to 200/, 2],
    ['an unknown option', ['--colour'], /unknown option '--colour'/, 2],
  ])('%s', (_, args, message, code) => {
    writeFileSync(join(dir, 'broken.yaml'), 'kind: Pod\nmetadata: {name: [}\n');
    const result = podlan(['up', '--name', cluster.name, ...args.map((a) => (a === 'broken.yaml' ? join(dir, a) : a))]);
    expect(result.err).toMatch(message);
    expect(result.code).toBe(code);
  });

  it('a bad manifest before a cluster exists starts nothing', () => {
    const other = describeCluster(testName('non'));
    const result = podlan(['up', '--name', other.name, '-f', '-'], { input: 'kind: Nothing' });
    expect(result.code).toBe(1);
    expect(run('ls', [other.stateDir]).code).not.toBe(0);
  });

  it('commands on a cluster that is not there end with exit code 3', () => {
    const result = podlan(['status', '--name', testName('non')]);
    expect(result.code).toBe(3);
    expect(result.err).toMatch(/there is no cluster/);
  });

  it('every command has --help', () => {
    for (const words of [
      ['up'],
      ['down'],
      ['status'],
      ['clusters'],
      ['load'],
      ['doctor'],
      ['node'],
      ['node', 'kill'],
      [],
    ]) {
      const result = podlan([...words, '--help']);
      expect(result.code, words.join(' ')).toBe(0);
      expect(result.out).toMatch(/Usage: podlan/);
    }
  });
});
