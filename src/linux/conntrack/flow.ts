// A connection as the kernel tracks it: the packet that began it, and the answer that is awaited.

export interface Flow {
  /** tcp, udp, or the number of another protocol */
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
}

/** The hand into one network namespace's table of connections (IPv4). */
export interface Conntrack {
  list(): Flow[];
  /** How many were there to delete; those that ended meanwhile are no error. */
  delete(flows: readonly Flow[]): number;
  close(): void;
}
