import { describe, expect, it } from 'vitest';
import { applyDefaults } from '../defaults/index.ts';
import { kindTypeName, typeSchema } from '../schema.ts';
import type { Kind, KubeObject } from '../types.ts';
import { errorBody } from './field.ts';
import { validateCreate } from './index.ts';
import { OBJECTS, POD_SPEC, type UnsupportedRow, unsupportedErrors } from './supported.ts';

/** Fields that podlan acts on, or that upstream too keeps without acting. Every other field must have a row. */
const ACTED_ON: Readonly<Record<string, string>> = {
  'core.v1.PodSpec':
    'activeDeadlineSeconds affinity containers dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork hostPID hostname initContainers nodeName nodeSelector os preemptionPolicy readinessGates restartPolicy schedulerName schedulingGates securityContext serviceAccount serviceAccountName setHostnameAsFQDN subdomain terminationGracePeriodSeconds tolerations volumes',
  'core.v1.Affinity': 'nodeAffinity',
  'core.v1.NodeAffinity':
    'preferredDuringSchedulingIgnoredDuringExecution requiredDuringSchedulingIgnoredDuringExecution',
  'core.v1.NodeSelector': 'nodeSelectorTerms',
  'core.v1.NodeSelectorTerm': 'matchExpressions matchFields',
  'core.v1.NodeSelectorRequirement': 'key operator values',
  'core.v1.PreferredSchedulingTerm': 'preference weight',
  'core.v1.PodOS': '',
  'core.v1.PodDNSConfig': 'nameservers options searches',
  'core.v1.PodDNSConfigOption': 'name value',
  'core.v1.HostAlias': 'hostnames ip',
  'core.v1.PodReadinessGate': 'conditionType',
  'core.v1.PodSchedulingGate': 'name',
  'core.v1.Toleration': 'effect key operator tolerationSeconds value',
  'core.v1.PodSecurityContext':
    'appArmorProfile fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seccompProfile supplementalGroups supplementalGroupsPolicy sysctls',
  'core.v1.Sysctl': 'name value',
  'core.v1.AppArmorProfile': '',
  'core.v1.SeccompProfile': '',
  'core.v1.Container':
    'args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe resources securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeMounts workingDir',
  'core.v1.ContainerPort': 'containerPort name',
  'core.v1.EnvVar': 'name value valueFrom',
  'core.v1.EnvVarSource': 'configMapKeyRef fieldRef resourceFieldRef secretKeyRef',
  'core.v1.ObjectFieldSelector': 'apiVersion fieldPath',
  'core.v1.ResourceFieldSelector': 'containerName divisor resource',
  'core.v1.ConfigMapKeySelector': 'key name optional',
  'core.v1.SecretKeySelector': 'key name optional',
  'core.v1.EnvFromSource': 'configMapRef prefix secretRef',
  'core.v1.ConfigMapEnvSource': 'name optional',
  'core.v1.SecretEnvSource': 'name optional',
  'core.v1.ResourceRequirements': 'limits requests',
  'core.v1.Probe':
    'exec failureThreshold httpGet initialDelaySeconds periodSeconds successThreshold tcpSocket terminationGracePeriodSeconds timeoutSeconds',
  'core.v1.ExecAction': 'command',
  'core.v1.HTTPGetAction': 'host httpHeaders path port scheme',
  'core.v1.HTTPHeader': 'name value',
  'core.v1.TCPSocketAction': 'host port',
  'core.v1.SleepAction': 'seconds',
  'core.v1.Lifecycle': 'postStart preStop',
  'core.v1.LifecycleHandler': 'exec httpGet sleep',
  'core.v1.SecurityContext':
    'allowPrivilegeEscalation appArmorProfile capabilities privileged procMount readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser seccompProfile',
  'core.v1.Capabilities': 'add drop',
  'core.v1.VolumeMount': 'mountPath mountPropagation name readOnly subPath subPathExpr',
  'core.v1.Volume': 'configMap downwardAPI emptyDir hostPath name projected secret',
  'core.v1.ConfigMapVolumeSource': 'defaultMode items name optional',
  'core.v1.SecretVolumeSource': 'defaultMode items optional secretName',
  'core.v1.KeyToPath': 'key mode path',
  'core.v1.DownwardAPIVolumeSource': 'defaultMode items',
  'core.v1.DownwardAPIVolumeFile': 'fieldRef mode path resourceFieldRef',
  'core.v1.EmptyDirVolumeSource': '',
  'core.v1.HostPathVolumeSource': 'path type',
  'core.v1.ProjectedVolumeSource': 'defaultMode sources',
  'core.v1.VolumeProjection': 'configMap downwardAPI secret',
  'core.v1.ConfigMapProjection': 'items name optional',
  'core.v1.SecretProjection': 'items name optional',
  'core.v1.DownwardAPIProjection': 'items',
  'core.v1.ServiceSpec':
    'allocateLoadBalancerNodePorts clusterIP clusterIPs externalName internalTrafficPolicy ports publishNotReadyAddresses selector sessionAffinityConfig',
  'core.v1.ServicePort': 'appProtocol name nodePort port targetPort',
  'apps.v1.StatefulSetSpec':
    'minReadySeconds ordinals persistentVolumeClaimRetentionPolicy podManagementPolicy replicas revisionHistoryLimit selector serviceName template updateStrategy',
  'apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy': '',
  'networking.v1.NetworkPolicySpec': 'egress ingress podSelector policyTypes',
  'networking.v1.NetworkPolicyIngressRule': 'from ports',
  'networking.v1.NetworkPolicyEgressRule': 'ports to',
  'networking.v1.NetworkPolicyPort': 'endPort port',
  'networking.v1.NetworkPolicyPeer': 'ipBlock namespaceSelector podSelector',
  'networking.v1.IPBlock': 'cidr except',
  'core.v1.SessionAffinityConfig': 'clientIP',
  'core.v1.ClientIPConfig': 'timeoutSeconds',
  'apps.v1.StatefulSetOrdinals': 'start',
  'apps.v1.StatefulSetUpdateStrategy': 'rollingUpdate type',
  'apps.v1.RollingUpdateStatefulSetStrategy': 'maxUnavailable partition',
  'coordination.v1.LeaseSpec': 'acquireTime holderIdentity leaseDurationSeconds leaseTransitions renewTime',
};

/** Shared by many kinds, and acted on as a whole; a template's spec is looked at as a pod's. */
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const GENERIC = new Set([`${META}.LabelSelector`, 'io.k8s.api.core.v1.PodTemplateSpec']);

const fullName = (short: string): string => `io.k8s.api.${short}`;

/** Every field below a type that neither acts nor has a row, as a path. */
function* forgotten(typeName: string, path: string, rows: ReadonlySet<string>): Generator<string> {
  const acting = ACTED_ON[typeName.replace('io.k8s.api.', '')]?.split(' ');
  if (!acting) {
    if (!GENERIC.has(typeName)) yield `${path}: ${typeName} is not in the list`;
    return;
  }
  for (const [name, field] of Object.entries(typeSchema(typeName)?.fields ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    const isList = field.type === 'array';
    if (rows.has(at) || rows.has(`${at}[*]`)) continue;
    if (!acting.includes(name)) yield at;
    const ref = field.ref ?? field.items?.ref;
    if (ref) yield* forgotten(ref, isList ? `${at}[*]` : at, rows);
  }
}

const pathsOf = (rows: readonly UnsupportedRow[]): ReadonlySet<string> => new Set(rows.map(({ path }) => path));

describe('no field is ignored in silence', () => {
  it('in a pod', () => {
    expect([...forgotten(fullName('core.v1.PodSpec'), '', pathsOf(POD_SPEC))]).toEqual([]);
  });
  it.each<Kind>(['Service', 'StatefulSet', 'NetworkPolicy', 'Lease'])('in the spec of a %s', (kind) => {
    const spec = typeSchema(kindTypeName(kind))?.fields['spec']?.ref ?? '';
    expect([...forgotten(spec, 'spec', pathsOf(OBJECTS[kind] ?? []))]).toEqual([]);
  });
  it('every row names fields that exist', () => {
    const leads = (typeName: string, path: readonly string[]): boolean => {
      const [part = '', ...rest] = path;
      const field = typeSchema(typeName)?.fields[part.replace('[*]', '')];
      if (!field) return false;
      return rest.length === 0 || field.type === 'map' || leads(field.ref ?? field.items?.ref ?? '', rest);
    };
    for (const { path } of POD_SPEC) expect(leads(fullName('core.v1.PodSpec'), path.split('.')), path).toBe(true);
    for (const [kind, rows] of Object.entries(OBJECTS)) {
      for (const { path } of rows)
        expect(leads(kindTypeName(kind as Kind), path.split('.')), `${kind} ${path}`).toBe(true);
    }
  });
});

const refusals = (kind: Kind, fields: object): string[] =>
  [...unsupportedErrors(kind, { metadata: { name: 'x' }, ...fields } as KubeObject)].map(
    (e) => `${e.field}: ${errorBody(e)}`,
  );

describe('refusals', () => {
  it.each<[Kind, object, string[]]>([
    [
      'Service',
      { spec: { type: 'LoadBalancer' } },
      ['spec.type: Unsupported value: "LoadBalancer": podlan does not support Services of type LoadBalancer yet'],
    ],
    [
      'Service',
      { spec: { externalIPs: ['1.2.3.4'] } },
      ['spec.externalIPs: Forbidden: podlan does not support externalIPs yet'],
    ],
    [
      'Service',
      { spec: { sessionAffinity: 'ClientIP' } },
      ['spec.sessionAffinity: Unsupported value: "ClientIP": podlan does not support session affinity yet'],
    ],
    [
      'Service',
      { spec: { ipFamilies: ['IPv4', 'IPv6'] } },
      ['spec.ipFamilies[1]: Unsupported value: "IPv6": podlan does not support IPv6 yet'],
    ],
    [
      'Service',
      { spec: { ports: [{ protocol: 'TCP' }, { protocol: 'SCTP' }] } },
      ['spec.ports[1].protocol: Unsupported value: "SCTP": podlan does not support SCTP yet'],
    ],
    [
      'Pod',
      { spec: { hostUsers: false, hostIPC: true } },
      ['spec.hostUsers: Forbidden: podlan does not support user namespaces yet'],
    ],
    [
      'Deployment',
      { spec: { template: { spec: { containers: [{}, { ports: [{ containerPort: 1, hostPort: 2 }] }] } } } },
      ['spec.template.spec.containers[1].ports[0].hostPort: Forbidden: podlan does not support hostPort yet'],
    ],
    ['Pod', { spec: { hostNetwork: true, containers: [{ ports: [{ containerPort: 2, hostPort: 2 }] }] } }, []],
    [
      'Pod',
      { spec: { volumes: [{ name: 'a', nfs: {} }] } },
      ['spec.volumes[0].nfs: Forbidden: podlan does not support volumes of type nfs yet'],
    ],
    [
      'Pod',
      { spec: { volumes: [{ projected: { sources: [{ configMap: {} }, { serviceAccountToken: {} }] } }] } },
      [
        'spec.volumes[0].projected.sources[1].serviceAccountToken: Forbidden: podlan does not support projected volumes of type serviceAccountToken yet',
      ],
    ],
    ['Pod', { spec: { volumes: [{ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }] } }, []],
    [
      'Pod',
      { spec: { volumes: [{ emptyDir: { sizeLimit: '1Mi' } }] } },
      [
        'spec.volumes[0].emptyDir.sizeLimit: Unsupported value: "1Mi": podlan does not support size limits of volumes on disk yet',
      ],
    ],
    ['Pod', { spec: { priorityClassName: 'system-node-critical', priority: 2000001000 } }, []],
    [
      'Pod',
      { spec: { priority: 7 } },
      ['spec.priority: Forbidden: podlan does not support priorities that no priority class gives yet'],
    ],
    [
      'Pod',
      { spec: { containers: [{ livenessProbe: { grpc: { port: 1 } } }] } },
      ['spec.containers[0].livenessProbe.grpc: Forbidden: podlan does not support gRPC probes yet'],
    ],
    [
      'StatefulSet',
      { spec: { volumeClaimTemplates: [{}] } },
      ['spec.volumeClaimTemplates: Forbidden: podlan does not support volume claims yet'],
    ],
    [
      'NetworkPolicy',
      { spec: { egress: [{ ports: [{ protocol: 'SCTP' }] }] } },
      ['spec.egress[0].ports[0].protocol: Unsupported value: "SCTP": podlan does not support SCTP yet'],
    ],
  ])('%s %j', (kind, fields, expected) => expect(refusals(kind, fields)).toEqual(expected));

  it('what upstream allows and podlan does is not refused', () => {
    const pod = {
      metadata: { name: 'x', namespace: 'default' },
      spec: {
        containers: [{ name: 'c', image: 'i', securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }],
      },
    } as unknown as KubeObject;
    expect(validateCreate('Pod', applyDefaults('Pod', pod, { evictAfterSeconds: 1 }))).toEqual([]);
  });
});
