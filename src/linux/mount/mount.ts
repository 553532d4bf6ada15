// Mounts as data: what overlay(5) wants to hear, and what a machine's mount table says.

export interface Overlay {
  /** Top first, as mount(8) wants them. */
  readonly lower: readonly string[];
  readonly upper: string;
  /** Same filesystem as upper, empty. */
  readonly work: string;
}

/** mount(2) copies one page of options and no more. */
const MAX_OPTIONS = 4095;

export function overlayOptions(overlay: Overlay): string {
  // ':' separates layers and ',' options: both need a backslash, which needs one itself.
  const quote = (path: string): string => path.replaceAll(/[\\:,]/g, (c) => `\\${c}`);
  const options = `lowerdir=${overlay.lower.map(quote).join(':')},upperdir=${quote(overlay.upper)},workdir=${quote(overlay.work)}`;
  if (options.length > MAX_OPTIONS)
    throw new Error(`an image of ${overlay.lower.length} layers is too deep for one overlay mount here`);
  return options;
}

/** Mount points in /proc/self/mountinfo at or below `dir`, deepest and latest first: the order in which to unmount. */
export function mountsBelow(mountinfo: string, dir: string): string[] {
  const root = dir.endsWith('/') ? dir.slice(0, -1) : dir;
  return mountinfo
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll(/\\(\d{3})/g, (_, octal: string) => fromOctal(octal)))
    .filter((point) => point === root || point.startsWith(`${root}/`))
    .toReversed();
}

const fromOctal = (octal: string): string => String.fromCharCode(Number.parseInt(octal, 8));

/** What the kubelet does with mounts; mount.io.ts does it, fake.ts remembers it. */
export interface Mounts {
  overlay(target: string, overlay: Overlay): void;
  tmpfs(target: string, options: { readonly sizeBytes?: number; readonly mode?: string }): void;
  /** Nothing mounted there is fine. Lazy: who still looks at it keeps it until it looks away. */
  unmount(target: string): void;
  /** Everything at and below. */
  unmountBelow(dir: string): void;
  isMounted(target: string): boolean;
}
