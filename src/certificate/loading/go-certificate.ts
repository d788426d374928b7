import { DerError, DerReader, derTag } from '../der.ts';
import { checkExtensions } from './go-extensions.ts';
import { checkName } from './go-name.ts';

/** The public key in a certificate, as Go compares it with a private key. */
export type PublicKey =
  | { readonly type: 'rsa'; readonly modulus: bigint; readonly exponent: bigint }
  | { readonly type: 'ec'; readonly curve: string; readonly point: Buffer }
  | { readonly type: 'ed25519'; readonly bytes: Buffer };

/** Of the curves that Go has, by the object identifier in hexadecimal: the name in OpenSSL and the length of a coordinate in octets. */
export const curves: Readonly<Record<string, { readonly name: string; readonly octets: number }>> = {
  '2b81040021': { name: 'secp224r1', octets: 28 },
  '2a8648ce3d030107': { name: 'prime256v1', octets: 32 },
  '2b81040022': { name: 'secp384r1', octets: 48 },
  '2b81040023': { name: 'secp521r1', octets: 66 },
};

/** Of public keys (RFC 3279, RFC 8410). */
export const keyAlgorithm = { rsa: '2a864886f70d010101', ec: '2a8648ce3d0201', ed25519: '2b6570' } as const;

/**
 * Reads the first certificate by the rules of Go's crypto/x509 (ParseCertificate, Go 1.26), which are stricter than OpenSSL's: all
 * fields are read, and numbers, texts and times must be as DER wants them.
 *
 * @throws DerError that says which part Go refuses
 */
export function readGoCertificate(der: Buffer): PublicKey {
  const outer = new DerReader(der, 'certificate');
  const certificate = outer.sequence();
  if (!outer.isEmpty) throw new DerError('trailing data after the certificate');
  const tbs = certificate.sequence();
  const version = readVersion(tbs);
  const serial = tbs.integer();
  if ((serial[0] ?? 0) >= 0x80) throw new DerError('negative serial number');
  const algorithm = tbs.read(derTag.sequence);
  if (!algorithm.equals(certificate.read(derTag.sequence))) {
    throw new DerError('two different signature algorithms');
  }
  readAlgorithm(new DerReader(algorithm, 'signature algorithm'));
  checkName(tbs.sequence('issuer'));
  const validity = tbs.sequence('validity');
  checkTime(validity);
  checkTime(validity);
  checkName(tbs.sequence('subject'));
  const key = readPublicKey(tbs.sequence('public key'));
  if (version >= 1) {
    tbs.optional(0x81);
    tbs.optional(0x82);
  }
  const extensions = version === 2 ? tbs.optional(0xa3) : undefined;
  if (extensions !== undefined) checkExtensions(new DerReader(extensions, 'extensions').sequence());
  certificate.bitString();
  return key;
}

/** 0 for version 1 (RFC 5280 section 4.1.2.1). */
function readVersion(tbs: DerReader): number {
  const field = tbs.optional(0xa0);
  if (field === undefined) return 0;
  const reader = new DerReader(field, 'version');
  const version = reader.natural();
  if (!reader.isEmpty || version > 2n) throw reader.error();
  return Number(version);
}

interface Algorithm {
  readonly identifier: string;
  /** With tag and length. */
  readonly parameters: { readonly tag: number; readonly content: Buffer } | undefined;
}

function readAlgorithm(reader: DerReader): Algorithm {
  const identifier = reader.objectIdentifier();
  return { identifier, parameters: reader.isEmpty ? undefined : reader.any() };
}

const utcTime = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(Z|[+-]\d{4})$/;
const generalizedTime = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(Z|[+-]\d{4})$/;

function checkTime(validity: DerReader): void {
  const isUtc = validity.isNext(derTag.utcTime);
  const text = validity.read(isUtc ? derTag.utcTime : derTag.generalizedTime).toString('latin1');
  const match = (isUtc ? utcTime : generalizedTime).exec(text);
  if (match === null) throw validity.error();
  const digits = match.slice(1, 7).map((pair: string | undefined) => Number(pair ?? 0));
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = digits;
  const zone = match[7] ?? '';
  // The rules for two digits do not change which day a month has: 2000 and 1900 cannot both be meant.
  const days = new Date(Date.UTC(isUtc && year < 69 ? 2000 + year : year, month, 0)).getUTCDate();
  const isDate = month >= 1 && month <= 12 && date >= 1 && date <= days;
  const isTime = hour < 24 && minute < 60 && second < 60;
  const isZone =
    zone === 'Z' || (!zone.endsWith('0000') && Number(zone.slice(1, 3)) <= 24 && Number(zone.slice(3)) < 60);
  if (!isDate || !isTime || !isZone) throw validity.error();
}

function readPublicKey(info: DerReader): PublicKey {
  const { identifier, parameters } = readAlgorithm(info.sequence());
  const bits = info.bitString(0);
  switch (identifier) {
    case keyAlgorithm.rsa: {
      if (parameters?.tag !== derTag.null || parameters.content.length > 0) throw info.error();
      const key = new DerReader(bits, 'RSA public key').sequence();
      const modulus = key.natural();
      const exponent = key.natural();
      if (modulus === 0n || exponent === 0n) throw key.error();
      return { type: 'rsa', modulus, exponent };
    }
    case keyAlgorithm.ec: {
      if (parameters?.tag !== derTag.objectIdentifier)
        throw new DerError('explicit elliptic curve parameters');
      const curve = curves[parameters.content.toString('hex')];
      if (curve === undefined) throw new DerError('an elliptic curve that Go does not have');
      if (bits.length !== 1 + 2 * curve.octets || bits[0] !== 4) {
        throw new DerError('the point of the public key is not uncompressed');
      }
      return { type: 'ec', curve: curve.name, point: bits };
    }
    case keyAlgorithm.ed25519:
      if (parameters !== undefined || bits.length !== 32) throw info.error();
      return { type: 'ed25519', bytes: bits };
    default:
      throw new DerError('a type of public key that Go does not serve');
  }
}
