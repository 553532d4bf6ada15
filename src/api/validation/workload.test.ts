import { describe, expect, it } from 'vitest';
import type { Kind } from '../types.ts';
import { errorsOf, type Fields, updateErrors } from './sentences.ts';

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { app: 'a' } };

describe('workloads', () => {
  it.each<[Kind, Fields, string[]]>([
    ['Deployment', { selector, template }, []],
    ['Deployment', { template }, ['spec.selector: Required value']],
    [
      'Deployment',
      { selector: {}, template },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'Deployment',
      { selector: { matchLabels: { app: 'b' } }, template },
      ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
    ],
    [
      'Deployment',
      { selector: { matchExpressions: [{ key: 'app', operator: 'In' }] }, template },
      [
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
    ],
    [
      'Deployment',
      { selector, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'Deployment',
      { selector, template: { ...template, spec: { containers: [{ name: 'c' }] } } },
      ['spec.template.spec.containers[0].image: Required value'],
    ],
    [
      'Deployment',
      { selector, template, replicas: -1 },
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'Deployment',
      { selector, template, strategy: { type: 'Recreate', rollingUpdate: {} } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'Deployment',
      { selector, template, strategy: { type: 'Slow' } },
      ['spec.strategy.type: Unsupported value: "Slow": supported values: "Recreate", "RollingUpdate"'],
    ],
    [
      'Deployment',
      { selector, template, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
    ],
    [
      'Deployment',
      { selector, template, strategy: { rollingUpdate: { maxSurge: 'many' } } },
      [
        "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"many\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ],
    ],
    [
      'Deployment',
      { selector, template, minReadySeconds: 700 },
      ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
    ],
    [
      'ReplicaSet',
      { selector: {}, template },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    ['StatefulSet', { selector, template, serviceName: 'x' }, []],
    [
      'StatefulSet',
      { selector, template, podManagementPolicy: 'Any' },
      ["spec.podManagementPolicy: Invalid value: \"Any\": must be 'OrderedReady' or 'Parallel'"],
    ],
    [
      'StatefulSet',
      { selector, template, updateStrategy: { type: 'OnDelete', rollingUpdate: {} } },
      ["spec.updateStrategy.rollingUpdate: Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'"],
    ],
    [
      'StatefulSet',
      { selector, template, ordinals: { start: -1 } },
      ['spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
    ],
  ])('%s %j', (kind, spec, expected) => expect(errorsOf(kind, { spec })).toEqual(expected));

  it.each<Kind>(['Deployment', 'ReplicaSet'])('the selector of a %s is immutable', (kind) => {
    const now = { spec: { selector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, template } };
    expect(updateErrors(kind, now, { spec: { selector, template } })).toEqual([
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable',
    ]);
  });
  it('a StatefulSet keeps its serviceName', () => {
    const old = { spec: { selector, template, serviceName: 'a' } };
    expect(updateErrors('StatefulSet', { spec: { ...old.spec, replicas: 5, minReadySeconds: 3 } }, old)).toEqual([]);
    expect(updateErrors('StatefulSet', { spec: { ...old.spec, serviceName: 'b' } }, old)).toEqual([
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
  });
});
