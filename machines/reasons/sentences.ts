/**
 * Texts as sentences, one after the other; empty ones are left out. A text that ends without a full stop, as somebody else's may, gets
 * one: otherwise what follows is read as its end.
 */
export function sentences(...texts: readonly string[]): string {
  return texts
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(ended)
    .join(' ');
}

function ended(text: string): string {
  return /[.!?…]["'’”)\]]?$/.test(text) ? text : `${text.replace(/[\s,;:–-]{1,16}$/, '')}.`;
}
