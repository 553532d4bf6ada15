// The ReplicaSets of a Deployment: which one is the new one, which revision each is, what their annotations say.
import type { Deployment, Draft, ReplicaSet } from '../../api/types.ts';
import { canonicalJson, fnv1a, safeEncode } from '../../client/hash.ts';
import { controllerReference } from '../../client/pods.ts';

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations of a Deployment that say something about it alone. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
]);

const templates = new WeakMap<object, string>();

/** A template as text without the hash label that the controller itself puts there. */
function templateText(template: ReplicaSet['spec']['template']): string {
  if (!template) return '';
  let text = templates.get(template);
  if (text === undefined) {
    const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {};
    text = canonicalJson({ ...template, metadata: { ...template.metadata, labels, creationTimestamp: undefined } });
    templates.set(template, text);
  }
  return text;
}

const byAge = (a: ReplicaSet, b: ReplicaSet): number => {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
};

export const oldestFirst = (sets: readonly ReplicaSet[]): ReplicaSet[] => [...sets].sort(byAge);

/** The set with the Deployment's template; the oldest of several, so that two looks agree. */
export const newSetOf = (d: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined =>
  oldestFirst(sets).find((rs) => templateText(rs.spec.template) === templateText(d.spec.template));

export const revisionOf = (o: { metadata: { annotations?: Record<string, string> } }): number =>
  Number(o.metadata.annotations?.[revisionAnnotation] ?? 0) || 0;

export const replicasOf = (rs: ReplicaSet): number => rs.spec.replicas ?? 1;
export const isActiveSet = (rs: ReplicaSet): boolean => replicasOf(rs) > 0;
export const sum = (sets: readonly ReplicaSet[], of: (rs: ReplicaSet) => number): number =>
  sets.reduce((total, rs) => total + of(rs), 0);

export const sizeAnnotations = (d: Deployment, maxSurge: number): Record<string, string> => ({
  [desiredAnnotation]: String(d.spec.replicas ?? 1),
  [maxAnnotation]: String((d.spec.replicas ?? 1) + maxSurge),
});

/** Annotations of the new set: the Deployment's own, and a revision above all others. */
export function newSetAnnotations(d: Deployment, rs: ReplicaSet, revision: number): Record<string, string> {
  const annotations = { ...rs.metadata.annotations, ...ownAnnotations(d) };
  const before = annotations[revisionAnnotation];
  if ((Number(before) || 0) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (before !== undefined) {
      const history = annotations[historyAnnotation];
      annotations[historyAnnotation] = history ? `${history},${before}` : before;
    }
  }
  return annotations;
}

const ownAnnotations = (d: Deployment): Record<string, string> =>
  Object.fromEntries(Object.entries(d.metadata.annotations ?? {}).filter(([name]) => !notCopied.has(name)));

export function newSet(d: Deployment, replicas: number, revision: number, maxSurge: number): Draft<ReplicaSet> {
  const hash = templateHash(d);
  const labels = { ...d.spec.template.metadata?.labels, [hashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${d.metadata.name}-${hash}`,
      namespace: d.metadata.namespace,
      labels,
      annotations: {
        ...ownAnnotations(d),
        ...sizeAnnotations(d, maxSurge),
        [revisionAnnotation]: String(revision),
      },
      ownerReferences: [controllerReference(d)],
    },
    spec: {
      replicas,
      minReadySeconds: d.spec.minReadySeconds ?? 0,
      selector: {
        ...d.spec.selector,
        matchLabels: { ...d.spec.selector.matchLabels, [hashLabel]: hash },
      },
      template: { ...d.spec.template, metadata: { ...d.spec.template.metadata, labels } },
    },
  };
}

export const templateHash = (d: Deployment): string =>
  safeEncode(String(fnv1a(`${templateText(d.spec.template)}${d.status?.collisionCount ?? ''}`)));
