// In which order `npm test` runs its files.
import { join, relative } from 'node:path';
import { root } from '../deploy/local/launcher/launch.mjs';

/** The files that take longest, most of them waiting: begun first, they have others beside them. Paths from the root on. */
export const longest = [
  'test/controller-failures/ca-garbage.test.ts',
  'test/controller-failures/ca-refusals.test.ts',
  'test/controller-failures/dead-host-rescue.test.ts',
  'test/controller-failures/registration-limit.test.ts',
  'test/security/malicious-ca.test.ts',
  'test/simulation/strict-simulation.test.ts',
  'test/simulation/strict-troubles.test.ts',
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
