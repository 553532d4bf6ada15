import { describe, expect, it } from 'vitest';
import type { KubeObject, Pod } from '../api/types.ts';
import { readiness } from './readiness.ts';

const meta = { name: 'web', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', generation: 2 };
const deployment = (status: object, replicas = 3): KubeObject =>
  ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: meta, spec: { replicas }, status }) as KubeObject;
const pod = (status: object): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...meta, name: 'web-1' },
  spec: { containers: [] },
  status,
});
const all = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3 };

describe('readiness', () => {
  it.each([
    ['everything there', all, true, '3/3 ready'],
    ['the controller has not looked yet', { ...all, observedGeneration: 1 }, false, '3/3 ready'],
    ['one is not available', { ...all, availableReplicas: 2 }, false, '2/3 ready'],
    ['old pods are still there', { ...all, replicas: 4 }, false, '3/3 ready'],
    ['new pods are missing', { ...all, updatedReplicas: 1 }, false, '1/3 ready'],
  ])('of a Deployment: %s', (_, status, ready, detail) => {
    expect(readiness(deployment(status), [])).toMatchObject({ ready, detail });
  });

  it('says what keeps the pods', () => {
    const waiting = pod({
      containerStatuses: [{ name: 'c', state: { waiting: { reason: 'ErrImagePull', message: 'no such image' } } }],
    });
    expect(readiness(deployment({}), [waiting]).detail).toBe('0/3 ready; web-1/c: ErrImagePull: no such image');
    const pending = pod({
      conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }],
    });
    expect(readiness(deployment({}), [pending]).detail).toContain('web-1 is not scheduled: 0/3 nodes are available');
  });

  it('gives up on what will not come', () => {
    const late = { conditions: [{ type: 'Progressing', reason: 'ProgressDeadlineExceeded', message: 'too late' }] };
    expect(readiness(deployment(late), []).hopeless).toBe('too late');
    expect(readiness(pod({ phase: 'Failed' }), []).hopeless).toBeDefined();
  });

  it.each([
    [{ phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }, true],
    [{ phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] }, false],
    [{ phase: 'Succeeded' }, true],
    [{ phase: 'Pending' }, false],
  ])('of a Pod: %j', (status, ready) => {
    expect(readiness(pod(status), []).ready).toBe(ready);
  });
});
