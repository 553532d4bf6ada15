// What keeps a namespace from ending, as its conditions: the first thing people look at when it stays Terminating.
import { kindRow } from '../../api/kinds.ts';
import { rfc3339 } from '../../api/time.ts';
import type { Kind, KubeObject, Namespace } from '../../api/types.ts';
import type { Change } from '../../client/types.ts';

type Condition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number];

/** 'pods. has 2 resource instances, deployments.apps has 1 resource instances': how many there are of each, sorted. */
const counted = (names: readonly string[], say: (name: string, count: number) => string): string =>
  [...new Set(names)]
    .sort()
    .map((name) => say(name, names.filter((n) => n === name).length))
    .join(', ');

/** Objects of one kind that have not ended yet. */
export interface Content {
  readonly kind: Kind;
  readonly objects: readonly KubeObject[];
}

const resourceOf = (kind: Kind): string => {
  const { plural, group } = kindRow(kind);
  return `${plural}.${group}`;
};

function conditions(remaining: readonly Content[]): Omit<Condition, 'lastTransitionTime'>[] {
  const content = counted(
    remaining.flatMap(({ kind, objects }) => objects.map(() => resourceOf(kind))),
    (name, n) => `${name} has ${n} resource instances`,
  );
  const held = remaining.flatMap(({ objects }) => objects.flatMap((o) => o.metadata.finalizers ?? []));
  const finalizers = counted(held, (name, n) => `${name} in ${n} resource instances`);
  const found = (type: string, reason: string, message: string): Omit<Condition, 'lastTransitionTime'> => ({
    type,
    status: 'True',
    reason,
    message,
  });
  const none = (type: string, reason: string, message: string): Omit<Condition, 'lastTransitionTime'> => ({
    ...found(type, reason, message),
    status: 'False',
  });
  return [
    none('NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'),
    none(
      'NamespaceDeletionGroupVersionParsingFailure',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    none(
      'NamespaceDeletionContentFailure',
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ),
    content === ''
      ? none('NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed')
      : found('NamespaceContentRemaining', 'SomeResourcesRemain', `Some resources are remaining: ${content}`),
    finalizers === ''
      ? none('NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished')
      : found(
          'NamespaceFinalizersRemaining',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${finalizers}`,
        ),
  ];
}

/** The namespace's conditions while these objects are ending in it; nothing where it says so already. */
export function waiting(namespace: Namespace, remaining: readonly Content[], nowMs: number): Change[] {
  const old = namespace.status?.conditions ?? [];
  const wanted = conditions(remaining).map((condition) => {
    const known = old.find((c) => c.type === condition.type);
    const since = known?.status === condition.status ? known.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: since ?? rfc3339(nowMs) };
  });
  const said = wanted.every((c) =>
    old.some((o) => o.type === c.type && o.status === c.status && o.message === c.message),
  );
  if (said) return [];
  const others = old.filter((o) => !wanted.some((c) => c.type === o.type));
  return [
    {
      op: 'patch',
      kind: 'Namespace',
      name: namespace.metadata.name,
      patch: { status: { conditions: [...others, ...wanted] } },
      subresource: 'status',
      why: `${namespace.metadata.name} waits for what is in it to end`,
    },
  ];
}
