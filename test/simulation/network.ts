import type { Random } from './random.ts';

/** Milliseconds after which kube-lego gives up on an answer (src/acme/transport/connection.ts). */
export const requestTimeout = 30_000;

/** Milliseconds from a request to its answer. */
export function drawLatency(random: Random): number {
  return Math.ceil(random.between(20, 80));
}
