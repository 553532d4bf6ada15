// What neither source of generate.ts knows. Keys are '<type>.<field>'; a row that meets no field fails the generation.

/** Fields of the 1.36 models that Kubernetes v1.35 does not have. */
export const NEWER_THAN_1_35: ReadonlySet<string> = new Set([
  'meta.v1.ListMeta.shardInfo',
  'core.v1.PodSpec.schedulingGroup',
  'core.v1.PodStatus.nodeAllocatableResourceClaimStatuses',
  'core.v1.ResourceHealth.message',
  'core.v1.VolumeMountStatus.volumeStatus',
]);

/** Lists that came after 1.27: how a patch merges them. */
export const LISTS: Readonly<Record<string, string>> = {
  'core.v1.NodeStatus.declaredFeatures': 'list=atomic',
  'core.v1.NodeStatus.runtimeHandlers': 'list=atomic',
  'core.v1.PodStatus.hostIPs': 'merge=ip patch=merge list=atomic',
  'core.v1.PodStatus.resourceClaimStatuses': 'merge=name patch=merge,retainKeys list=map keys=name',
  'core.v1.PodExtendedResourceClaimStatus.requestMappings': 'list=atomic',
  'core.v1.Container.restartPolicyRules': 'list=atomic',
  'core.v1.EphemeralContainer.restartPolicyRules': 'list=atomic',
  'core.v1.ContainerRestartRuleOnExitCodes.values': 'list=set',
  'core.v1.ContainerStatus.allocatedResourcesStatus': 'merge=name patch=merge list=map keys=name',
  'core.v1.ContainerStatus.volumeMounts': 'merge=mountPath patch=merge list=map keys=mountPath',
  'core.v1.ResourceStatus.resources': 'list=map keys=resourceID',
  'core.v1.LinuxContainerUser.supplementalGroups': 'list=atomic',
  'core.v1.PodAffinityTerm.matchLabelKeys': 'list=atomic',
  'core.v1.PodAffinityTerm.mismatchLabelKeys': 'list=atomic',
  'discovery.v1.EndpointHints.forNodes': 'list=atomic',
};

/** Quantities that came after 1.27: the 1.36 models call them strings. */
export const QUANTITIES: ReadonlySet<string> = new Set([
  'core.v1.PodStatus.allocatedResources',
  'core.v1.VolumeResourceRequirements.limits',
  'core.v1.VolumeResourceRequirements.requests',
]);

/** Types that came after 1.27 and are applied as a whole (x-kubernetes-map-type: atomic). */
export const ATOMIC_TYPES: ReadonlySet<string> = new Set(['core.v1.FileKeySelector']);
