import type { Placeholders } from '../../src/steps/placeholders.ts';

/** Writes none: no Gateway waits for one. */
export const noPlaceholders: Pick<Placeholders, 'fill'> = {
  fill: (_, stored) => Promise.resolve(stored),
};
