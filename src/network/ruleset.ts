// Everything that a node's packets should meet, as one typed table: proxy, policy and the DNS exception together.
import type { Flow } from '../linux/conntrack/flow.ts';
import { rule } from '../linux/nft/nft.ts';
import type { Rule, Ruleset, Table } from '../linux/nft/nft.ts';
import { hooks, tableName } from './hooks.ts';
import type { HookChain, Part } from './hooks.ts';
import { forbiddenFlows } from './policy/flows.ts';
import { compilePolicy, type PolicyInput } from './policy/policy.ts';
import { staleUdpFlows } from './proxy/flows.ts';
import { compileProxy, type ProxyInput } from './proxy/proxy.ts';

export interface RulesetInput extends ProxyInput, PolicyInput {}

export function compileRuleset(input: RulesetInput): Ruleset {
  const parts = [dnsPart(input.dnsIp), compileProxy(input), compilePolicy(input)];
  const table: Table = {
    family: 'inet',
    name: tableName,
    sets: parts.flatMap(({ sets }) => sets),
    chains: [
      ...parts.flatMap(({ chains }) => chains),
      ...hooks.map(({ chain, base }) => ({ name: chain, base, rules: rulesAt(parts, chain) })),
    ],
  };
  return { tables: [table] };
}

const rulesAt = (parts: readonly Part[], chain: HookChain): Rule[] => parts.flatMap(({ rules }) => rules[chain] ?? []);

/**
 * Connections that the ruleset would not let begin today: forbidden by policy, or UDP to an endpoint that has left its
 * Service. The kernel lets what is established pass, so they must be deleted from its table after the ruleset is in force.
 */
export function staleFlows(input: RulesetInput, ruleset: Ruleset, flows: readonly Flow[]): Flow[] {
  const table = ruleset.tables.find(({ name }) => name === tableName);
  if (!table || flows.length === 0) return [];
  const stale = new Set([...forbiddenFlows(input, table, flows), ...staleUdpFlows(table, flows)]);
  return flows.filter((flow) => stale.has(flow));
}

/** A datagram to the cluster DNS needs no connection: it is for the node itself, and no rule asks for its state. */
function dnsPart(dnsIp: string): Part {
  const untracked = (address: 'ip saddr' | 'ip daddr', port: 'th sport' | 'th dport', protocol: string): Rule =>
    rule([
      { kind: 'match', field: address, op: '==', value: dnsIp },
      { kind: 'match', field: 'meta l4proto', op: '==', value: protocol },
      { kind: 'match', field: port, op: '==', value: 53 },
      { kind: 'notrack' },
    ]);
  const rules = ['udp', 'tcp'].flatMap((protocol) => [
    untracked('ip daddr', 'th dport', protocol),
    untracked('ip saddr', 'th sport', protocol),
  ]);
  return { sets: [], chains: [], rules: { 'raw-prerouting': rules, 'raw-output': rules } };
}
