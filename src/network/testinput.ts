// For tests and benchmarks: what a ruleset is compiled from where nothing is yet, a cluster without Services, policies and pods.
import type { RulesetInput } from './ruleset.ts';

export const nothing: RulesetInput = {
  node: { name: 'node-1', ips: ['172.30.0.11'] },
  podNetwork: '10.244.0.0/16',
  serviceNetwork: '10.96.0.0/16',
  dnsIp: '10.96.0.10',
  services: [],
  slices: [],
  policies: [],
  namespaces: [],
  pods: [],
  localPods: [],
};
