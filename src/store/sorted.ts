// Binary search, as the store and the watch cache use it on their sorted arrays.

/** Index of the first element that `reached` holds for; the array is sorted so that it holds from there on. */
export function firstWhere<T>(sorted: readonly T[], reached: (item: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (reached(sorted[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
