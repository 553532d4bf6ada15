// Settings of a cluster for tests: complete, with the ranges of slot 0. Nothing is made under its directories.
import { type ClusterSettings, defaultTimeouts } from '../cluster.ts';

export const clusterSettings: ClusterSettings = {
  name: 'podlan',
  slot: 0,
  bridge: 'podlan0',
  nodeNetwork: '172.30.0.0/24',
  hostIp: '172.30.0.1',
  podNetwork: '10.244.0.0/16',
  nodePodPrefix: 24,
  serviceNetwork: '10.96.0.0/16',
  apiServiceIp: '10.96.0.1',
  dnsIp: '10.96.0.10',
  clusterDomain: 'cluster.local',
  apiPort: 6443,
  nodePorts: { from: 30_000, to: 32_767 },
  timeouts: defaultTimeouts,
  stateDir: '/var/lib/podlan/podlan',
  runDir: '/run/podlan/podlan',
  nodes: [],
};
