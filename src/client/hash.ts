// Short stable names for content: the same content gets the same name in every process and every run.

/** 32-bit FNV-1a. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

export const hex8 = (n: number): string => n.toString(16).padStart(8, '0');

// No vowels and no 0, 1, 3: no words, nothing to misread. Kubernetes' names are made of the same letters.
const letters = 'bcdfghjklmnpqrstvwxz2456789';

/** The digits of a hash in letters that are good in a name, e.g. pod-template-hash 6d8f7c9b5d. */
export const safeEncode = (text: string): string =>
  Array.from(text)
    .map((c) => letters[c.charCodeAt(0) % letters.length])
    .join('');

/** Five letters for the end of a generated name; the same seed gives the same letters. */
export function nameSuffix(seed: string): string {
  let hash = fnv1a(seed);
  // FNV's last step mixes the low bits little; two seeds that differ in the last digit must not look alike.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = (hash ^ (hash >>> 16)) >>> 0;
  let suffix = '';
  for (let i = 0; i < 5; i++) {
    suffix += letters[hash % letters.length];
    hash = Math.floor(hash / letters.length);
  }
  return suffix;
}

/** JSON with sorted keys and without absent and null members: equal for what means the same. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) => {
    if (v === null || typeof v !== 'object' || Array.isArray(v)) return v ?? undefined;
    const sorted: Record<string, unknown> = {};
    for (const key of Object.keys(v).sort()) sorted[key] = (v as Record<string, unknown>)[key];
    return sorted;
  });
}

/** Equal as JSON, whatever the order of keys. */
export const sameJson = (a: unknown, b: unknown): boolean => a === b || canonicalJson(a) === canonicalJson(b);
