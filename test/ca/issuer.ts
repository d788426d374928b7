import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { encode, oid, sequence, tag, time } from './der.ts';
import type { Identifier } from './exchange.ts';
import { randomToken } from './random.ts';

export interface Validity {
  /** Milliseconds since the epoch, whole seconds. */
  readonly notBefore: number;
  /** Milliseconds since the epoch, whole seconds. */
  readonly notAfter: number;
}

export interface Issued {
  /** Leaf, then the intermediate. */
  readonly chainPem: string;
  readonly serial: Buffer;
  /** RFC 9773 section 4.1 */
  readonly certificateId: string;
}

// Bits of KeyUsage, the first bit being the highest (RFC 5280 section 4.2.1.3).
const digitalSignature = 0x80;
const certificateSigning = 0x06;
const year = 365 * 24 * 3_600_000;

/** The keys of the CA: a root, and the intermediate that signs what subscribers get (RFC 5280). */
export class Issuer {
  /** The root, PEM. */
  readonly rootPem: string;
  readonly #intermediatePem: string;
  readonly #key: KeyObject;
  readonly #name = distinguishedName('Strict Intermediate');
  /** A name for the key; RFC 5280 section 4.2.1.2 leaves the method free. */
  readonly #keyIdentifier: Buffer;
  readonly #algorithm = sequence(oid.ecdsaWithSha256);

  /**
   * @param now milliseconds since the epoch, from a year before which on it issues for 30 years
   * @param random decides the key identifiers, so that the same seed gives certificates of the same ids
   */
  constructor(now: number, random: () => number) {
    const root = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const intermediate = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = intermediate.privateKey;
    const rootName = distinguishedName('Strict Root');
    const validity = { notBefore: now - year, notAfter: now + 30 * year };
    const newKeyIdentifier = (): Buffer => Buffer.from(randomToken(random, 20), 'base64url');
    const authority = (subject: Buffer, publicKey: KeyObject, keyIdentifier: Buffer): Buffer =>
      this.#sign(root.privateKey, rootName, {
        serial: Buffer.concat([
          Buffer.of(0x40),
          createHash('sha256').update(subject).digest().subarray(0, 7),
        ]),
        validity,
        subject,
        publicKeyDer: spki(publicKey),
        extensions: [
          extension(oid.basicConstraints, true, sequence(encode(tag.boolean, Buffer.of(0xff)))),
          extension(oid.keyUsage, true, encode(tag.bitString, Buffer.of(1, certificateSigning))),
          extension(oid.subjectKeyIdentifier, false, encode(tag.octetString, keyIdentifier)),
        ],
      });
    this.rootPem = pem(authority(rootName, root.publicKey, newKeyIdentifier()));
    this.#keyIdentifier = newKeyIdentifier();
    this.#intermediatePem = pem(authority(this.#name, intermediate.publicKey, this.#keyIdentifier));
  }

  /** @param number of the certificate, each once */
  issue(
    number: number,
    identifiers: readonly Identifier[],
    publicKeyDer: Buffer,
    validity: Validity,
  ): Issued {
    const serial = Buffer.alloc(10);
    // The leading byte keeps the serial number positive and of one length.
    serial.writeUInt8(0x2c, 0);
    serial.writeUIntBE(number, 4, 6);
    const names = identifiers.map(({ type, value }) =>
      type === 'dns'
        ? encode(tag.dnsName, Buffer.from(value, 'latin1'))
        : encode(tag.ipAddress, addressBytes(value)),
    );
    const certificate = this.#sign(this.#key, this.#name, {
      serial,
      validity,
      subject: sequence(),
      publicKeyDer,
      extensions: [
        extension(oid.keyUsage, true, encode(tag.bitString, Buffer.of(7, digitalSignature))),
        extension(oid.extendedKeyUsage, false, sequence(oid.serverAuth)),
        extension(
          oid.authorityKeyIdentifier,
          false,
          sequence(encode(tag.keyIdentifier, this.#keyIdentifier)),
        ),
        // Critical, because the subject is empty (RFC 5280 section 4.2.1.6).
        extension(oid.subjectAltName, true, sequence(...names)),
      ],
    });
    return {
      chainPem: pem(certificate) + this.#intermediatePem,
      serial,
      certificateId: `${this.#keyIdentifier.toString('base64url')}.${serial.toString('base64url')}`,
    };
  }

  #sign(
    key: KeyObject,
    issuer: Buffer,
    parts: {
      readonly serial: Buffer;
      readonly validity: Validity;
      readonly subject: Buffer;
      readonly publicKeyDer: Buffer;
      readonly extensions: readonly Buffer[];
    },
  ): Buffer {
    const toBeSigned = sequence(
      encode(tag.version, encode(tag.integer, Buffer.of(2))),
      encode(tag.integer, parts.serial),
      this.#algorithm,
      issuer,
      sequence(time(parts.validity.notBefore), time(parts.validity.notAfter)),
      parts.subject,
      parts.publicKeyDer,
      encode(tag.extensions, sequence(...parts.extensions)),
    );
    const signature = sign('sha256', toBeSigned, key);
    return sequence(toBeSigned, this.#algorithm, encode(tag.bitString, Buffer.of(0), signature));
  }
}

function distinguishedName(commonName: string): Buffer {
  const value = encode(tag.utf8String, Buffer.from(commonName));
  return sequence(encode(tag.set, sequence(oid.commonName, value)));
}

function extension(id: Buffer, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [encode(tag.boolean, Buffer.of(0xff))] : [];
  return sequence(id, ...flag, encode(tag.octetString, value));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return Buffer.from(
    [...front, ...gap, ...back].flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

function pem(der: Buffer): string {
  const text = der.toString('base64');
  let lines = '';
  for (let at = 0; at < text.length; at += 64) lines += `${text.slice(at, at + 64)}\n`;
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}
