// What this kubelet does not do. A pod that asks for it fails with the field's name; it is never run without it.
import type { core, Pod } from '../api/types.ts';
import { containersOf } from './containers.ts';
import type { Container } from './containers.ts';
import type { Verdict } from './seen.ts';

const VOLUMES = ['emptyDir', 'configMap', 'secret', 'downwardAPI', 'projected', 'hostPath'];
const SOURCES = ['configMap', 'secret', 'downwardAPI'];

export function refusalOf(pod: Pod): Verdict | undefined {
  const fields = unsupportedFields(pod);
  if (fields.length === 0) return undefined;
  return { reason: 'Unsupported', message: `Pod uses what this node does not support: ${fields.join(', ')}` };
}

export function unsupportedFields(pod: Pod): string[] {
  const spec = pod.spec as core.PodSpec & {
    resourceClaims?: unknown[];
    resources?: unknown;
    hostnameOverride?: string;
  };
  const found: string[] = [];
  const check = (present: unknown, field: string): void => {
    if (present) found.push(field);
  };
  check(spec.shareProcessNamespace, 'spec.shareProcessNamespace');
  check(spec.hostUsers === false, 'spec.hostUsers: false');
  check(spec.runtimeClassName, 'spec.runtimeClassName');
  check(spec.ephemeralContainers?.length, 'spec.ephemeralContainers');
  check(spec.resourceClaims?.length, 'spec.resourceClaims');
  check(spec.resources, 'spec.resources');
  check(spec.os?.name === 'windows', 'spec.os.name: windows');
  securityFields(spec.securityContext, 'spec.securityContext', check);
  spec.volumes?.forEach((volume, i) => volumeFields(volume, `spec.volumes[${i}]`, check));
  for (const container of containersOf(pod)) containerFields(container, container.name, check);
  return found;
}

type Check = (present: unknown, field: string) => void;

function securityFields(
  context: core.PodSecurityContext | core.SecurityContext | undefined,
  path: string,
  check: Check,
): void {
  check(context?.seLinuxOptions && Object.keys(context.seLinuxOptions).length > 0, `${path}.seLinuxOptions`);
  check(context?.seccompProfile?.type === 'Localhost', `${path}.seccompProfile.type: Localhost`);
  check(context?.appArmorProfile?.type === 'Localhost', `${path}.appArmorProfile.type: Localhost`);
  check(context?.windowsOptions && Object.keys(context.windowsOptions).length > 0, `${path}.windowsOptions`);
}

function volumeFields(volume: core.Volume, path: string, check: Check): void {
  for (const key of Object.keys(volume)) check(key !== 'name' && !VOLUMES.includes(key), `${path}.${key}`);
  const medium = volume.emptyDir?.medium ?? '';
  check(medium !== '' && medium !== 'Memory', `${path}.emptyDir.medium: ${medium}`);
  volume.projected?.sources?.forEach((source, i) => {
    for (const key of Object.keys(source)) check(!SOURCES.includes(key), `${path}.projected.sources[${i}].${key}`);
  });
}

function containerFields(container: Container, path: string, check: Check): void {
  const probes = { startupProbe: container.startupProbe, readinessProbe: container.readinessProbe };
  for (const [key, probe] of Object.entries({ ...probes, livenessProbe: container.livenessProbe }))
    check(probe?.grpc, `${path}.${key}.grpc`);
  check(container.volumeDevices?.length, `${path}.volumeDevices`);
  check(container.restartPolicyRules?.length, `${path}.restartPolicyRules`);
  container.volumeMounts?.forEach((mount, i) => {
    const recursive = (mount as { recursiveReadOnly?: string }).recursiveReadOnly;
    check(recursive === 'Enabled', `${path}.volumeMounts[${i}].recursiveReadOnly: Enabled`);
  });
  const { limits = {}, requests = {} } = container.resources ?? {};
  for (const resource of Object.keys({ ...limits, ...requests }))
    check(resource.startsWith('hugepages-'), `${path}.resources ${resource}`);
  securityFields(container.securityContext, `${path}.securityContext`, check);
}
