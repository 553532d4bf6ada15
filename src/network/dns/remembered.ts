// Answers of upstreams, for as long as they may be remembered (RFC 2308 for the negative ones), with their TTLs counting down.
import { RCODE, TYPE, type DnsRecord } from './record.ts';
import type { UpstreamAnswer } from './ask.ts';

/** A change outside is seen within this time, whatever the record says. */
const MAX_SECONDS = 30;
const MAX_NEGATIVE_SECONDS = 5;

export class RememberedAnswers {
  private readonly entries = new Map<string, { answer: UpstreamAnswer; atMs: number; untilMs: number }>();
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get(key: string, nowMs: number): UpstreamAnswer | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    if (nowMs >= entry.untilMs) {
      this.entries.delete(key);
      return undefined;
    }
    const ageSeconds = Math.floor((nowMs - entry.atMs) / 1_000);
    const aged = (records: readonly DnsRecord[]): DnsRecord[] =>
      records.map((r) => ({ ...r, ttlSeconds: Math.max(0, r.ttlSeconds - ageSeconds) }));
    const { answer } = entry;
    return {
      ...answer,
      answers: aged(answer.answers),
      authority: aged(answer.authority),
      additional: aged(answer.additional),
    };
  }

  put(key: string, answer: UpstreamAnswer, nowMs: number): void {
    const seconds = lifetimeSeconds(answer);
    if (seconds <= 0) return;
    this.entries.delete(key);
    // A Map keeps the order of insertion: the first is the oldest.
    if (this.entries.size >= this.capacity) this.entries.delete(this.entries.keys().next().value!);
    this.entries.set(key, { answer, atMs: nowMs, untilMs: nowMs + seconds * 1_000 });
  }
}

function lifetimeSeconds(answer: UpstreamAnswer): number {
  if (answer.truncated) return 0;
  if (answer.rcode === RCODE.NOERROR && answer.answers.length > 0) {
    return Math.min(MAX_SECONDS, ...[...answer.answers, ...answer.authority].map((r) => r.ttlSeconds));
  }
  if (answer.rcode !== RCODE.NOERROR && answer.rcode !== RCODE.NXDOMAIN) return 0;
  const soa = answer.authority.find((r) => r.type === 'raw' && r.code === TYPE.SOA);
  if (soa?.type !== 'raw' || soa.data.length < 4) return 0;
  const minimum = soa.data.subarray(-4).reduce((n, b) => n * 256 + b, 0);
  return Math.min(MAX_NEGATIVE_SECONDS, soa.ttlSeconds, minimum);
}
