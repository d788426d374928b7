/** Minimal DER (X.690), enough for certificates and CSRs. */

/** One element. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82,
  ipAddress: 0x87,
  attributes: 0xa0,
  version: 0xa0,
  keyIdentifier: 0x80,
  extensions: 0xa3,
};

export const oid = {
  commonName: Buffer.from('0603550403', 'hex'),
  keyUsage: Buffer.from('0603551d0f', 'hex'),
  subjectAltName: Buffer.from('0603551d11', 'hex'),
  basicConstraints: Buffer.from('0603551d13', 'hex'),
  subjectKeyIdentifier: Buffer.from('0603551d0e', 'hex'),
  authorityKeyIdentifier: Buffer.from('0603551d23', 'hex'),
  extendedKeyUsage: Buffer.from('0603551d25', 'hex'),
  serverAuth: Buffer.from('06082b06010505070301', 'hex'),
  extensionRequest: Buffer.from('06092a864886f70d01090e', 'hex'),
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
};

export function encode(type: number, ...parts: readonly Buffer[]): Buffer {
  const content = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(type, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(type, 0x81, length), content]);
  return Buffer.concat([Buffer.of(type, 0x82, length >> 8, length & 0xff), content]);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return encode(tag.sequence, ...parts);
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5). */
export function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return Number(digits.slice(0, 4)) < 2050
    ? encode(tag.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : encode(tag.generalizedTime, Buffer.from(`${digits}Z`));
}

/** The sequence of elements in the bytes. @throws RangeError if they are truncated */
export function decodeAll(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    let start = at + 2;
    let length = bytes.readUInt8(at + 1);
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 4) throw new RangeError('a length that is not DER');
      length = bytes.readUIntBE(start, size);
      start += size;
    }
    const end = start + length;
    if (end > bytes.length) throw new RangeError('cut short');
    elements.push({
      tag: bytes.readUInt8(at),
      content: bytes.subarray(start, end),
      whole: bytes.subarray(at, end),
    });
    at = end;
  }
  return elements;
}
