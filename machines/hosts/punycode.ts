// The parameters of RFC 3492, section 5.
const base = 36;
const tMin = 1;
const tMax = 26;
const skew = 38;
const damp = 700;
const initialBias = 72;
const initialCodePoint = 0x80;
const lastCodePoint = 0x10ffff;

/**
 * What the text behind `xn--` stands for (RFC 3492, section 6.2).
 *
 * @returns undefined when it is no Punycode
 */
export function decodePunycode(encoded: string): string | undefined {
  const delimiter = encoded.lastIndexOf('-');
  const output = Array.from(encoded.slice(0, Math.max(0, delimiter)), (character) => character.charCodeAt(0));
  let position = delimiter < 0 ? 0 : delimiter + 1;
  let codePoint = initialCodePoint;
  let bias = initialBias;
  let index = 0;
  while (position < encoded.length) {
    const start = index;
    let weight = 1;
    for (let k = base; ; k += base) {
      const digit = digitValue(encoded.charCodeAt(position++));
      if (digit === undefined) return undefined;
      index += digit * weight;
      const threshold = Math.min(Math.max(k - bias, tMin), tMax);
      if (digit < threshold) break;
      weight *= base - threshold;
      // Far beyond any code point; also the end of the loop for a text that is all high digits.
      if (weight > lastCodePoint * 64) return undefined;
    }
    const length = output.length + 1;
    bias = adapt(index - start, length, start === 0);
    codePoint += Math.floor(index / length);
    index %= length;
    if (codePoint > lastCodePoint || isSurrogate(codePoint)) return undefined;
    output.splice(index++, 0, codePoint);
  }
  return String.fromCodePoint(...output);
}

/** RFC 3492, section 5: a-z are 0 to 25, 0-9 are 26 to 35. Undefined past the end of the text. */
function digitValue(character: number): number | undefined {
  if (character >= 0x61 && character <= 0x7a) return character - 0x61;
  if (character >= 0x41 && character <= 0x5a) return character - 0x41;
  if (character >= 0x30 && character <= 0x39) return character - 0x30 + 26;
  return undefined;
}

/** RFC 3492, section 6.1. */
function adapt(delta: number, length: number, first: boolean): number {
  let rest = Math.floor(delta / (first ? damp : 2));
  rest += Math.floor(rest / length);
  let k = 0;
  for (; rest > ((base - tMin) * tMax) / 2; k += base) rest = Math.floor(rest / (base - tMin));
  return k + Math.floor(((base - tMin + 1) * rest) / (rest + skew));
}

function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}
