/** Minimal DER (ITU-T X.690), enough to find one extension. */
interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

const sequence = 0x30;
const integer = 0x02;
const octetString = 0x04;
/** `[3] EXPLICIT Extensions` of a TBSCertificate (RFC 5280 section 4.1). */
const extensions = 0xa3;
/** `[0] IMPLICIT KeyIdentifier` of an AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1). */
const keyIdentifier = 0x80;
/** 2.5.29.35 */
const authorityKeyIdentifier = Buffer.from('551d23', 'hex');

/**
 * The ARI certificate identifier (RFC 9773 section 4.1): authority key identifier and serial number, each base64url, joined by
 * a dot.
 *
 * @param certificate `raw`: its DER
 * @returns undefined for a certificate without an authority key identifier, or invalid DER
 */
export function certificateId({ raw }: { readonly raw: Buffer }): string | undefined {
  const [tbs] = elements(elements(raw)[0]?.content);
  const fields = elements(tbs?.content);
  const serial = fields.find(({ tag }) => tag === integer)?.content;
  const authority = authorityOf(fields.find(({ tag }) => tag === extensions)?.content);
  if (serial === undefined || authority === undefined) return undefined;
  return `${authority.toString('base64url')}.${serial.toString('base64url')}`;
}

function authorityOf(wrapped: Buffer | undefined): Buffer | undefined {
  for (const { content } of elements(elements(wrapped)[0]?.content)) {
    const parts = elements(content);
    if (parts[0]?.content.equals(authorityKeyIdentifier) !== true) continue;
    const value = parts.find(({ tag }) => tag === octetString)?.content;
    const [names] = elements(value);
    return names?.tag === sequence
      ? elements(names.content).find(({ tag }) => tag === keyIdentifier)?.content
      : undefined;
  }
  return undefined;
}

/** The sequence of elements, up to the first that cannot be parsed. */
function elements(der: Buffer = Buffer.alloc(0)): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at + 2 <= der.length) {
    const tag = der.readUInt8(at);
    const first = der.readUInt8(at + 1);
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + lengthBytes;
    if (lengthBytes > 4 || start > der.length) return found;
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
    if (start + length > der.length) return found;
    found.push({ tag, content: der.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}
