// In which order `npm test` runs its files.
import { join, relative } from 'node:path';
import { root } from '../deploy/local/launcher/launch.mjs';

/**
 * The files that are begun first, so that none of them is alone at the end: one that mostly waits, and those that only compute. Paths
 * from the root on.
 */
export const longest = [
  'test/controller-failures/long-waits/minutes.test.ts',
  'test/simulation/simulation.test.ts',
  'test/simulation/strict-simulation.test.ts',
];

/**
 * Node sorts what it is given by name, where absolute paths come before relative ones.
 * @param files absolute paths
 * @returns the arguments for `node --test`
 */
export function inOrder(files) {
  const first = new Set(longest.map((path) => join(root, path)));
  return files.map((file) => (first.has(file) ? file : relative('', file)));
}
