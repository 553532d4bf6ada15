import { describe, expect, it } from 'vitest';
import { parseKubeletRequest } from './request.ts';

const streams = { stdin: false, stdout: false, stderr: false, tty: false };
const logs = { follow: false, previous: false, timestamps: false };
const path = { namespace: 'ns', pod: 'web' };

describe('a request to the kubelet', () => {
  it.each([
    ['/healthz', { kind: 'healthz' }],
    [
      '/exec/ns/web/main?command=sh&command=-c&command=echo+a%20b&stdin=true&stdout=1&stderr=true&tty=false',
      {
        ...path,
        kind: 'exec',
        container: 'main',
        command: ['sh', '-c', 'echo a b'],
        streams: { ...streams, stdin: true, stdout: true, stderr: true },
      },
    ],
    [
      '/exec/ns/web/main?command=sh&input=1&output=1&error=1&tty=1',
      {
        ...path,
        kind: 'exec',
        container: 'main',
        command: ['sh'],
        streams: { ...streams, stdin: true, stdout: true, tty: true },
      },
    ],
    [
      '/attach/ns/web/main?stdout',
      { ...path, kind: 'attach', container: 'main', streams: { ...streams, stdout: true } },
    ],
    ['/portForward/ns/web', { ...path, kind: 'portForward', ports: [] }],
    [
      '/portForward/ns/web?ports=80,81&port=82',
      { ...path, kind: 'portForward', ports: [80, 81, 82].toSorted((a, b) => a - b) },
    ],
    ['/containerLogs/ns/web/main', { ...path, kind: 'logs', container: 'main', options: logs }],
    [
      '/containerLogs/ns/web/main?follow=true&tailLines=0&limitBytes=7&sinceTime=2026-01-01T00:00:00Z&stream=All',
      {
        ...path,
        kind: 'logs',
        container: 'main',
        options: { ...logs, follow: true, tailLines: 0, limitBytes: 7, sinceTimeMs: 1_767_225_600_000 },
      },
    ],
  ])('%s', (target, expected) => {
    expect(parseKubeletRequest(target)).toEqual(expected);
  });

  it.each([
    ['/', 404],
    ['/exec/ns/web', 404],
    ['/exec/ns/web/main/more?command=sh&stdout=1', 404],
    ['/run/ns/web/main', 404],
    ['/containerLogs/ns/%zz/main', 400],
    ['/exec/ns/web/main?command=sh', 400],
    ['/exec/ns/web/main?stdout=1', 400],
    ['/portForward/ns/web?ports=0', 400],
    ['/portForward/ns/web?ports=http', 400],
    ['/containerLogs/ns/web/main?tailLines=x', 400],
    ['/containerLogs/ns/web/main?tailLines=-1', 422],
    ['/containerLogs/ns/web/main?limitBytes=0', 422],
    ['/containerLogs/ns/web/main?sinceSeconds=0', 422],
    ['/containerLogs/ns/web/main?sinceTime=yesterday', 400],
    ['/containerLogs/ns/web/main?sinceTime=2026-01-01T00:00:00Z&sinceSeconds=5', 422],
    ['/containerLogs/ns/web/main?stream=Stdout', 422],
  ])('%s is refused with %i', (target, code) => {
    expect(parseKubeletRequest(target)).toMatchObject({ kind: 'refused', code });
  });
});
