// Defaults of pods and pod templates. Some belong to the pod alone, because upstream's admission sets them: a template
// keeps what was written, so that a change of a default does not roll out every Deployment.
import { parseQuantity } from '../quantity.ts';
import type { core, Pod } from '../types.ts';
import { fill, fillZero } from './fill.ts';

/** 'repo/name:tag@digest': no tag and no digest is latest. */
function pullsAlways(image: string): boolean {
  const [named = ''] = image.split('@');
  const tag = /:([^:/]+)$/.exec(named)?.[1];
  return tag === 'latest' || (tag === undefined && !image.includes('@'));
}

function httpGetDefaults(httpGet: core.HTTPGetAction | undefined): void {
  if (httpGet) fill(httpGet, { path: '/', scheme: 'HTTP' });
}

function probeDefaults(probe: core.Probe | undefined): void {
  if (!probe) return;
  fillZero(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  httpGetDefaults(probe.httpGet);
  if (probe.grpc) fill(probe.grpc, { service: '' });
}

function containerDefaults(container: core.Container, hostNetwork: boolean): void {
  fill(container, {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: pullsAlways(container.image ?? '') ? 'Always' : 'IfNotPresent',
  });
  fill(container, { resources: {} });
  for (const port of container.ports ?? []) {
    fill(port, { protocol: 'TCP' });
    if (hostNetwork && port.containerPort !== undefined) fillZero(port, { hostPort: port.containerPort });
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) fill(valueFrom.fieldRef, { apiVersion: 'v1' });
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) probeDefaults(probe);
  httpGetDefaults(container.lifecycle?.postStart?.httpGet);
  httpGetDefaults(container.lifecycle?.preStop?.httpGet);
}

function downwardDefaults(items: readonly core.DownwardAPIVolumeFile[] | undefined): void {
  for (const { fieldRef } of items ?? []) if (fieldRef) fill(fieldRef, { apiVersion: 'v1' });
}

/** 0644: what a file of a ConfigMap, Secret or downward volume gets. */
const DEFAULT_MODE = 0o644;

function volumeDefaults(volume: core.Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  for (const source of [volume.configMap, volume.secret, volume.downwardAPI, volume.projected]) {
    if (source) fill(source, { defaultMode: DEFAULT_MODE });
  }
  downwardDefaults(volume.downwardAPI?.items);
  for (const source of volume.projected?.sources ?? []) {
    downwardDefaults(source.downwardAPI?.items);
    if (source.serviceAccountToken) fillZero(source.serviceAccountToken, { expirationSeconds: 3600 });
  }
  if (volume.hostPath) fill(volume.hostPath as { type?: string }, { type: '' });
}

/** What pods and templates share. */
export function podSpecDefaults(spec: core.PodSpec): void {
  fill(spec, {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
  });
  // Two names of one field: clients of either read what the other wrote.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  const hostNetwork = spec.hostNetwork === true;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    containerDefaults(container, hostNetwork);
  }
  for (const volume of spec.volumes ?? []) volumeDefaults(volume);
}

export function templateDefaults(template: core.PodTemplateSpec | undefined): void {
  if (template?.spec) podSpecDefaults(template.spec);
}

const NODE_TROUBLE = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** A pod leaves a lost node after this time, unless it says otherwise about that taint. */
function evictionDefaults(spec: core.PodSpec, evictAfterSeconds: number): void {
  const own = spec.tolerations ?? [];
  const missing = NODE_TROUBLE.filter(
    (taint) => !own.some(({ key, effect }) => (!key || key === taint) && (!effect || effect === 'NoExecute')),
  );
  if (missing.length === 0) return;
  const added = missing.map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: evictAfterSeconds,
  }));
  spec.tolerations = [...own, ...added];
}

/** The two classes that every cluster has; there are no objects of that kind here. */
export const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

type Amounts = Readonly<Record<string, string>>;
const COUNTED = ['cpu', 'memory'];
const positive = (amounts: Amounts | undefined): string[] =>
  COUNTED.filter((name) => (parseQuantity(amounts?.[name] ?? '0') ?? 0) > 0);

/** Who is evicted first when a node runs out: BestEffort, then Burstable, then Guaranteed. */
export function qosClass(spec: core.PodSpec): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const all = [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map((c) => c.resources ?? {});
  const asks = all.some(({ requests, limits }) => positive(requests).length + positive(limits).length > 0);
  if (!asks) return 'BestEffort';
  const bound = all.every(
    ({ requests, limits }) =>
      positive(limits).length === COUNTED.length &&
      COUNTED.every((name) => parseQuantity(requests?.[name] ?? '') === parseQuantity(limits?.[name] ?? '')),
  );
  return bound ? 'Guaranteed' : 'Burstable';
}

export function podDefaults(pod: Pod, evictAfterSeconds: number): void {
  const { spec } = pod;
  if (!spec) return;
  podSpecDefaults(spec);
  fill(spec, { enableServiceLinks: true, serviceAccountName: 'default', preemptionPolicy: 'PreemptLowerPriority' });
  fill(spec, {
    serviceAccount: spec.serviceAccountName,
    priority: SYSTEM_PRIORITIES[spec.priorityClassName ?? ''] ?? 0,
  });
  for (const { resources } of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    // A limit without a request is a request of the same amount.
    if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
  }
  evictionDefaults(spec, evictAfterSeconds);
  pod.status ??= {};
  fill(pod.status, { phase: 'Pending', qosClass: qosClass(spec) });
}
