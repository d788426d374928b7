/**
 * Hashes a text to a number in [0, 1), uniformly distributed (FNV-1a). Replaces randomness where a decision must be
 * repeatable.
 */
export function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  // With FNV alone, short texts that differ only at the end share their high bits.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 0x1_0000_0000;
}

/**
 * The next run of a task that repeats every `interval` milliseconds. The phase is derived from `text`, so that tasks are spread
 * evenly over the interval.
 */
export function nextBeat(text: string, interval: number, now: number): number {
  const offset = spread(text) * interval;
  return Math.floor((now - offset) / interval + 1) * interval + offset;
}
