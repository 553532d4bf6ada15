// Resource records as values, in zone-file words; one text form for tests, logs and people.
import { formatIp } from '../../lib/ip.ts';
import { readName } from './name.ts';

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  MAILA: 254,
  TKEY: 249,
  ANY: 255,
} as const;

export const CLASS_IN = 1;

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

export interface SrvData {
  readonly type: 'SRV';
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export interface SoaData {
  readonly type: 'SOA';
  readonly primary: string;
  readonly mailbox: string;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  /** How long "there is no such name" may be remembered (RFC 2308). */
  readonly minimumSeconds: number;
}

export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly target: string }
  | { readonly type: 'TXT'; readonly text: string }
  | SrvData
  | SoaData
  /** Of an upstream's answer: passed on as it came, names inside written out. */
  | { readonly type: 'raw'; readonly code: number; readonly data: Uint8Array };

export type DnsRecord = RecordData & { readonly name: string; readonly ttlSeconds: number };

export const typeCode = (data: RecordData): number => (data.type === 'raw' ? data.code : TYPE[data.type]);

const typeName = (code: number): string =>
  Object.entries(TYPE).find(([, value]) => value === code)?.[0] ?? `TYPE${code}`;

/** The part after the type in a zone file. */
export function dataText(data: RecordData): string {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return data.address;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return data.target;
    case 'TXT':
      return JSON.stringify(data.text);
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`;
    case 'SOA':
      return `${data.primary} ${data.mailbox} ${data.serial} ${data.refreshSeconds} ${data.retrySeconds} ${data.expireSeconds} ${data.minimumSeconds}`;
    default:
      return rawText(data.code, data.data);
  }
}

function rawText(code: number, data: Uint8Array): string {
  if (code === TYPE.A || code === TYPE.AAAA) return formatIp(data);
  if (code === TYPE.CNAME || code === TYPE.NS || code === TYPE.PTR) return readName(data, 0)?.name ?? '?';
  return `\\# ${data.length} ${Array.from(data, (b) => b.toString(16).padStart(2, '0')).join('')}`;
}

/** 'web.my-app.svc.cluster.local 5 A 10.96.0.7' */
export const recordText = (r: DnsRecord): string => `${r.name} ${r.ttlSeconds} ${typeName(typeCode(r))} ${dataText(r)}`;
