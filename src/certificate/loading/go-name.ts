import { type DerReader, derTag } from '../der.ts';

/** Checks a distinguished name: Go reads the text of each attribute. */
export function checkName(name: DerReader): void {
  while (!name.isEmpty) {
    const set = name.inside(derTag.set);
    while (!set.isEmpty) {
      const attribute = set.sequence();
      attribute.objectIdentifier();
      const { tag, content } = attribute.any();
      if (textRules[tag]?.(content) !== true) throw name.error();
    }
  }
}

/** By tag: whether these are the octets of such a text. With `*` and `&`, which Go tolerates in a PrintableString. */
const textRules: Readonly<Record<number, (octets: Buffer) => boolean>> = {
  [derTag.t61String]: () => true,
  [derTag.printableString]: (octets) => /^[A-Za-z0-9 '()+,\-./:=?*&]*$/.test(octets.toString('latin1')),
  [derTag.utf8String]: isUtf8,
  [derTag.ia5String]: isIa5,
  [derTag.numericString]: (octets) => /^[0-9 ]*$/.test(octets.toString('latin1')),
  [derTag.bmpString]: isBmp,
};

/** Whether all characters are ASCII. */
export function isIa5(octets: Buffer): boolean {
  return octets.every((octet) => octet < 0x80);
}

function isUtf8(octets: Buffer): boolean {
  return Buffer.from(octets.toString('utf8'), 'utf8').equals(octets);
}

/** UCS-2 without surrogates and noncharacters; one NUL may end it. */
function isBmp(octets: Buffer): boolean {
  if (octets.length % 2 !== 0) return false;
  for (let at = 0; at < octets.length; at += 2) {
    const point = octets.readUInt16BE(at);
    const isReserved = (point >= 0xfdd0 && point <= 0xfdef) || (point >= 0xd800 && point <= 0xdfff);
    if (point >= 0xfffe || isReserved) return false;
  }
  return true;
}
