// Filling in: a field that Go would call its zero value counts as absent, because upstream cannot tell them apart.

type Mutable<T> = { -readonly [P in keyof T]: T[P] };

/** Sets the given fields of `target` where they are absent, or zero when `zeroIsUnset` (fields that are no pointers). */
export function fill<T extends object>(target: T, values: Partial<T>): void {
  for (const [key, value] of Object.entries(values) as [keyof T, T[keyof T]][]) {
    const current: unknown = target[key];
    const unset = current === undefined || current === null || (current === '' && typeof value === 'string');
    if (unset) (target as Mutable<T>)[key] = value;
  }
}

/** As fill, for numbers that upstream keeps by value: 0 is absent too. */
export function fillZero<T extends object>(target: T, values: Partial<T>): void {
  for (const key of Object.keys(values) as (keyof T)[]) {
    if (target[key] === 0) Reflect.deleteProperty(target, key);
  }
  fill(target, values);
}
