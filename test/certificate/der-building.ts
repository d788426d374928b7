import { encode as der, sequence } from '../ca/der.ts';

export { der, sequence };

/** @param hex with tag and length */
export function oid(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

export function toPem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** DER of the first block of a PEM text. */
export function derOf(pem: string): Buffer {
  const [, base64 = ''] = pem.split(/-----[^-]*-----/);
  return Buffer.from(base64, 'base64');
}

/** A distinguished name of one common name. */
export function commonName(text: Buffer | string, stringTag = 0x0c): Buffer {
  return sequence(der(0x31, sequence(oid('0603550403'), der(stringTag, Buffer.from(text)))));
}

/** An extension of a certificate (RFC 5280 section 4.1). */
export function extension(identifier: string, value: Buffer, critical?: number): Buffer {
  const flag = critical === undefined ? [] : [der(0x01, Buffer.from([critical]))];
  return sequence(oid(identifier), ...flag, der(0x04, value));
}
