import { describe, expect, it } from 'vitest';
import { DNS1035, errorsOf, type Fields, IP, PORT, SUBDOMAIN, updateErrors, VALUE } from './sentences.ts';

describe('Service', () => {
  it.each<[Fields, string[]]>([
    [{ ports: [{ port: 80 }] }, []],
    [{}, ['spec.ports: Required value']],
    [{ clusterIP: 'None' }, []],
    [{ clusterIP: 'x', ports: [{ port: 80 }] }, [`spec.clusterIPs[0]: Invalid value: "x": ${IP}`]],
    [
      { ports: [{ port: 80 }, { port: 81 }] },
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      {
        ports: [
          { port: 80, name: 'a' },
          { port: 80, name: 'a' },
        ],
      },
      ['spec.ports[1].name: Duplicate value: "a"', 'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}'],
    ],
    [
      {
        ports: [
          { port: 80, name: 'a' },
          { port: 80, protocol: 'UDP', name: 'b' },
        ],
      },
      [],
    ],
    [{ ports: [{ port: 0, targetPort: 1 }] }, [`spec.ports[0].port: Invalid value: 0: ${PORT}`]],
    [
      { ports: [{ port: 80, targetPort: 'A' }] },
      [
        'spec.ports[0].targetPort: Invalid value: "A": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        'spec.ports[0].targetPort: Invalid value: "A": must contain at least one letter (a-z)',
      ],
    ],
    [
      { ports: [{ port: 80, nodePort: 30000 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      { type: 'NodePort', clusterIP: 'None', ports: [{ port: 80 }] },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
    ],
    [
      { type: 'Magic', ports: [{ port: 80 }] },
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [{ type: 'ExternalName' }, ['spec.externalName: Required value']],
    [{ type: 'ExternalName', externalName: 'a.b.' }, []],
    [{ type: 'ExternalName', externalName: '-' }, [`spec.externalName: Invalid value: "-": ${SUBDOMAIN}`]],
    [
      { type: 'ExternalName', externalName: 'a', clusterIP: '10.0.0.1' },
      ['spec.clusterIPs: Forbidden: may not be set for ExternalName services'],
    ],
    [
      { ports: [{ port: 80 }], externalTrafficPolicy: 'Cluster' },
      ['spec.externalTrafficPolicy: Invalid value: "Cluster": may only be set for externally-accessible services'],
    ],
    [{ ports: [{ port: 80 }], selector: { a: '-' } }, [`spec.selector: Invalid value: "-": ${VALUE}`]],
  ])('%j', (spec, expected) => expect(errorsOf('Service', { spec })).toEqual(expected));
  it('has a DNS-1035 name', () => {
    expect(errorsOf('Service', { metadata: { name: '1a' }, spec: { ports: [{ port: 1 }] } })).toEqual([
      `metadata.name: Invalid value: "1a": ${DNS1035}`,
    ]);
  });
  it('keeps its clusterIP', () => {
    const service = (clusterIP: string): Fields => ({
      spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ port: 1 }] },
    });
    expect(updateErrors('Service', service('10.0.0.2'), service('10.0.0.1'))).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
    ]);
  });
});

describe('NetworkPolicy', () => {
  const ingress = (rule: Fields): Fields => ({ spec: { podSelector: {}, ingress: [rule] } });
  it.each<[Fields, string[]]>([
    [{ spec: { podSelector: {} } }, []],
    [ingress({ from: [{ podSelector: {} }], ports: [{ port: 80, endPort: 90 }] }), []],
    [ingress({ from: [{}] }), ['spec.ingress[0].from[0]: Required value: must specify a peer']],
    [
      ingress({ from: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] }),
      ['spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer'],
    ],
    [
      ingress({ from: [{ ipBlock: { cidr: '10.0.0.0' } }] }),
      [
        'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    [
      ingress({ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '11.0.0.0/16', '10.0.0.0/8'] } }] }),
      [
        'spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
        'spec.ingress[0].from[0].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
      ],
    ],
    [
      ingress({ from: [{ ipBlock: { cidr: '2001:db8::/32', except: ['2001:db8:1::/48', '2001:db9::/48'] } }] }),
      ['spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "2001:db9::/48": must be a strict subset of `cidr`'],
    ],
    [
      ingress({ ports: [{ endPort: 5 }, { port: 'http', endPort: 5 }, { port: 9, endPort: 5 }, { port: 0 }] }),
      [
        'spec.ingress[0].ports[0].endPort: Invalid value: 5: may not be specified when `port` is not specified',
        'spec.ingress[0].ports[1].endPort: Invalid value: 5: may not be specified when `port` is non-numeric',
        'spec.ingress[0].ports[2].endPort: Invalid value: 5: must be greater than or equal to `port`',
        `spec.ingress[0].ports[3].port: Invalid value: 0: ${PORT}`,
      ],
    ],
    [
      { spec: { podSelector: {}, policyTypes: ['ingress'] } },
      ['spec.policyTypes[0]: Unsupported value: "ingress": supported values: "Egress", "Ingress"'],
    ],
  ])('%j', (fields, expected) => expect(errorsOf('NetworkPolicy', fields)).toEqual(expected));
});
