// libnftables, in this process: a change of one map element takes 0.15 ms here and 5-20 ms through a spawned `nft -f`.
// A context belongs to the network namespace in which it was made, from whatever thread it is used later, and must
// not be used by two calls at once: every call here is synchronous.
import { closeSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { NftError } from './nft.ts';
import type { Nft, TableListing } from './nft.ts';

type Context = object;
interface Library {
  create(flags: number): Context | null;
  free(context: Context): void;
  bufferOutput(context: Context): number;
  bufferError(context: Context): number;
  output(context: Context): string | null;
  error(context: Context): string | null;
  setOutputFlags(context: Context, flags: number): void;
  setDryRun(context: Context, dry: boolean): void;
  run(context: Context, text: string): number;
  runFile(context: Context, path: string): number;
  memfd(name: string, flags: number): number;
  sigmask(how: number, set: Uint8Array, old: Uint8Array | null): number;
}

let library: Library | undefined;

function load(): Library {
  // The soname, not a path: the dynamic linker knows where the distribution keeps it.
  const lib = koffi.load('libnftables.so.1');
  koffi.opaque('nft_ctx');
  return {
    create: lib.func('nft_ctx *nft_ctx_new(uint32_t flags)'),
    free: lib.func('void nft_ctx_free(nft_ctx *ctx)'),
    bufferOutput: lib.func('int nft_ctx_buffer_output(nft_ctx *ctx)'),
    bufferError: lib.func('int nft_ctx_buffer_error(nft_ctx *ctx)'),
    output: lib.func('const char *nft_ctx_get_output_buffer(nft_ctx *ctx)'),
    error: lib.func('const char *nft_ctx_get_error_buffer(nft_ctx *ctx)'),
    setOutputFlags: lib.func('void nft_ctx_output_set_flags(nft_ctx *ctx, unsigned int flags)'),
    setDryRun: lib.func('void nft_ctx_set_dry_run(nft_ctx *ctx, bool dry)'),
    run: lib.func('int nft_run_cmd_from_buffer(nft_ctx *ctx, const char *buf)'),
    runFile: lib.func('int nft_run_cmd_from_filename(nft_ctx *ctx, const char *filename)'),
    sigmask: koffi.load(null).func('int pthread_sigmask(int how, const uint8_t *set, _Out_ uint8_t *old)'),
    memfd: koffi.load(null).func('int memfd_create(const char *name, unsigned int flags)'),
  };
}

const jsonOutput = 1 << 4; // NFT_CTX_OUTPUT_JSON

/** Programs the network namespace that this thread is in now. */
export function openNft(): Nft {
  library ??= load();
  const lib = library;
  const context = lib.create(0);
  if (!context) throw new NftError('no context: is the kernel built with nf_tables?');
  lib.bufferOutput(context);
  lib.bufferError(context);
  let open = true;
  // Both buffers grow until they are read.
  const read = () => ({ output: lib.output(context) ?? '', error: lib.error(context) ?? '' });
  const call = (text: string): string => {
    if (!open) throw new NftError('used after close');
    const code = withoutSignals(lib, () => lib.run(context, text));
    const { output, error } = read();
    if (code !== 0)
      throw nftError(
        error,
        explain(lib, context, text, () => read().error),
      );
    return output;
  };
  return {
    run(text) {
      if (text !== '') call(text);
    },
    list(table) {
      lib.setOutputFlags(context, jsonOutput);
      try {
        return listings(call('list ruleset'), table);
      } finally {
        lib.setOutputFlags(context, 0);
      }
    },
    close() {
      if (open) lib.free(context);
      open = false;
    },
  };
}

/**
 * libnftables ends a transaction with a select() that a signal breaks off (SIGCHLD: this process has many children), and then
 * reports as failed what the kernel has committed. So signals wait, or go to another thread, until the call is over.
 */
function withoutSignals(lib: Library, run: () => number): number {
  const former = new Uint8Array(signalSetBytes);
  lib.sigmask(SIG_SETMASK, allSignals, former);
  try {
    return run();
  } finally {
    lib.sigmask(SIG_SETMASK, former, null);
  }
}

const SIG_SETMASK = 2;
/** sizeof(sigset_t) in glibc and musl */
const signalSetBytes = 128;
const allSignals = new Uint8Array(signalSetBytes).fill(255);

/**
 * Of a buffer libnftables tells neither the line nor its number, of a file it does. So a refused transaction is asked
 * about once more, as a file in memory and without effect.
 */
function explain(lib: Library, context: Context, text: string, error: () => string): string {
  const fd = lib.memfd('nft', 1); // MFD_CLOEXEC
  if (fd < 0) return '';
  try {
    for (let bytes = Buffer.from(text); bytes.length > 0; ) bytes = bytes.subarray(writeSync(fd, bytes));
    lib.setDryRun(context, true);
    lib.runFile(context, `/proc/self/fd/${fd}`);
    return error();
  } finally {
    lib.setDryRun(context, false);
    closeSync(fd);
  }
}

/** `/proc/self/fd/20:3:21-22: Error: Could not process rule: No such file or directory`, the line, and a ruler. */
function nftError(first: string, explained: string): NftError {
  const found = /:\d+:\d+(?:-\d+)?: Error: (.*)\n(.*)/.exec(explained);
  if (found) return new NftError(found[1] ?? '', found[2]?.trim() || undefined);
  return new NftError(/Error: (.*)/.exec(first)?.[1] ?? (first.trim() || 'failed without a word'));
}

interface JsonEntry {
  table?: { family: string; name: string };
  chain?: { family: string; table: string; name: string };
  rule?: { family: string; table: string; chain: string };
  set?: JsonSet;
  map?: JsonSet;
}
interface JsonSet {
  family: string;
  table: string;
  name: string;
  elem?: unknown[];
}

function listings(json: string, table: string): TableListing[] {
  const { nftables } = JSON.parse(json) as { nftables: JsonEntry[] };
  const found = new Map<string, { chains: Record<string, number>; sets: Record<string, string[]> }>();
  for (const { table: made } of nftables) {
    if (made?.name === table && ['ip', 'inet'].includes(made.family)) found.set(made.family, { chains: {}, sets: {} });
  }
  for (const entry of nftables) {
    const item = entry.chain ?? entry.rule ?? entry.set ?? entry.map;
    const into = item?.table === table ? found.get(item.family) : undefined;
    if (!into) continue;
    // Chains are listed before rules.
    if (entry.chain) into.chains[entry.chain.name] = 0;
    if (entry.rule) into.chains[entry.rule.chain] = (into.chains[entry.rule.chain] ?? 0) + 1;
    const set = entry.set ?? entry.map;
    if (set) into.sets[set.name] = (set.elem ?? []).map((item) => elementKey(item, entry.map !== undefined)).sort();
  }
  return [...found].map(([family, held]) => ({ family, name: table, ...held }));
}

/** An element of `list -j`: a key, {concat: [...]}, {range: [a, b]}, {elem: {val}}; of a map [key, data]. */
function elementKey(element: unknown, map: boolean): string {
  const key = map ? (element as [unknown, unknown])[0] : element;
  if (typeof key !== 'object' || key === null) return String(key);
  if ('elem' in key) return elementKey((key.elem as { val: unknown }).val, false);
  if ('concat' in key) return (key.concat as unknown[]).map((part) => elementKey(part, false)).join(' . ');
  if ('range' in key) return (key.range as unknown[]).join('-');
  if ('prefix' in key) {
    const { addr, len } = key.prefix as { addr: string; len: number };
    return `${addr}/${len}`;
  }
  return JSON.stringify(key);
}
