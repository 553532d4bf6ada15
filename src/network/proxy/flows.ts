// UDP has no end: while a client goes on sending, its connection stays translated to an endpoint that left long ago, or,
// begun before the Service was there, to none. Such entries are found here and deleted.
import type { Flow } from '../../linux/conntrack/flow.ts';
import { elementId, elementsOf } from '../../linux/nft/nft.ts';
import type { Table } from '../../linux/nft/nft.ts';

export function staleUdpFlows(table: Table, flows: readonly Flow[]): Flow[] {
  const udp = flows.filter(({ protocol }) => protocol === 'udp');
  if (udp.length === 0) return [];
  const frontends = new Set(udp.map(frontendOf));
  const targets = new Map<string, Set<string>>();
  const set = (name: string) => table.sets.find((s) => s.name === name);
  const known = [...elements(set('services')), ...elements(set('local-services'))];
  for (const element of known) {
    const id = elementId(element);
    if (frontends.has(id)) targets.set(id, new Set());
  }
  for (const { key, data = [] } of [...elements(set('endpoints')), ...elements(set('local-endpoints'))]) {
    if (key[1] === 'udp') targets.get(elementId({ key: key.slice(0, 3) }))?.add(data.join(':'));
  }
  return udp.filter((flow) => {
    const current = targets.get(frontendOf(flow));
    return current !== undefined && !current.has(`${flow.reply.src}:${flow.reply.sport}`);
  });
}

const elements = (set: Table['sets'][number] | undefined) => (set ? elementsOf(set) : []);

const frontendOf = ({ original }: Flow): string => `${original.dst} . udp . ${original.dport}`;
