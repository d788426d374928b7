import * as fc from 'fast-check';

const surrogates = { first: 0xd800, count: 0x800 };

/**
 * A code point that may stand alone in a well-formed text, as the unit `binary` of fast-check, with the same choices: that one makes a
 * table of all 1.1 million of them before the first text, which takes more than a second of CPU.
 */
export const anyCharacter = fc.nat({ max: 0x10ffff - surrogates.count }).map(
  (index) => String.fromCodePoint(index < surrogates.first ? index : index + surrogates.count),
  (character) => {
    const point = typeof character === 'string' ? character.codePointAt(0) : undefined;
    if (point === undefined || character !== String.fromCodePoint(point) || !character.isWellFormed()) {
      throw new Error('not one character');
    }
    return point < surrogates.first ? point : point - surrogates.count;
  },
);
