// A connection as the kernel tracks it: the packet that began it, and the answer that is awaited.

export interface Flow {
  /** tcp, udp, icmp, sctp, or the number of another protocol */
  readonly protocol: string;
  readonly original: Tuple;
  /** Turned round and with address translation undone: its source is where the packets really go. */
  readonly reply: Tuple;
}

export interface Tuple {
  readonly src: string;
  readonly dst: string;
  /** Absent where the protocol has no ports. */
  readonly sport?: number;
  readonly dport?: number;
  readonly icmp?: { readonly id: number; readonly type: number; readonly code: number };
}

/** The hand into one network namespace's table of connections (IPv4). */
export interface Conntrack {
  list(): Flow[];
  /** How many were there to delete; those that ended meanwhile are no error. */
  delete(flows: readonly Flow[]): number;
  close(): void;
}

/** As `conntrack -L` would say it, for logs: udp 10.0.0.1:5000 -> 10.96.0.20:53 (10.244.0.5:53) */
export function printFlow({ protocol, original, reply }: Flow): string {
  const at = (ip: string, port: number | undefined): string => (port === undefined ? ip : `${ip}:${port}`);
  const wanted = at(original.dst, original.dport);
  const real = at(reply.src, reply.sport);
  return `${protocol} ${at(original.src, original.sport)} -> ${wanted}${real === wanted ? '' : ` (${real})`}`;
}
