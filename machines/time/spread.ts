/**
 * A number in [0, 1) drawn from a text: always the same for the same text, spread evenly over different ones (FNV-1a).
 * It stands for randomness where a decision has to be repeatable.
 */
export function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  // FNV leaves the high bits of short texts that differ only at the end alike.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 0x1_0000_0000;
}

/**
 * The next moment of a rhythm of `interval` milliseconds, each `text` with a beat of its own, so that many of them are
 * spread evenly over the interval.
 */
export function nextBeat(text: string, interval: number, now: number): number {
  const offset = spread(text) * interval;
  return Math.floor((now - offset) / interval + 1) * interval + offset;
}
