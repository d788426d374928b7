import { redact } from './redaction.ts';

/** Longer than what `redact` removes, so that it is recognized where the text is cut. */
const margin = 4096;

/**
 * Text of somebody else (a tenant, the CA, a server) as it may be kept and compared: on one line, at most `longest` characters and an
 * ellipsis, without control characters. Characters that change how others are shown, such as U+202E, are written as escapes.
 *
 * Repeating it changes nothing. Linear, and bounded however long the text is.
 */
export function oneLine(text: string, longest: number): string {
  const line = text
    .slice(0, longest + margin)
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .replaceAll(/\p{Cf}/gu, escaped)
    .trim();
  return line.length > longest ? `${line.slice(0, longest).toWellFormed()}…` : line;
}

/** Too short for what `redact` removes, and the same on one line: most names of fields, and many values. */
const plain = /^[\w.-]{0,20}$/;

/** The same as it may be shown, logged and written to the cluster: also without keys, tokens and capability links. */
export function presentable(text: string, longest: number): string {
  if (text.length <= longest && plain.test(text)) return text;
  return oneLine(redact(text.slice(0, longest + margin)), longest);
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`;
}

/** A list of names of any length in one message: the first ones, and how many more there are. */
export function someOf(names: readonly string[], most = 5): string {
  const more = names.length - most;
  const some = names.slice(0, most).join(', ');
  return more > 0 ? `${some} and ${more} more` : some;
}
