import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { commonName, der, oid, sequence, toPem } from './der-building.ts';

export const day = 24 * 60 * 60_000;

export interface LeafOptions {
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly (readonly number[])[];
  readonly uris?: readonly string[];
  /** PEM; a new EC key if there is none. */
  readonly keyPem?: string;
  /** Milliseconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** Makes an EC P-256 private key, PKCS#8 PEM. */
export function newKeyPem(): string {
  return exportKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

/** A certification authority of one certificate, for tests of what it issues. */
export class TestCa {
  readonly #key: KeyObject;
  readonly #name: string;
  readonly certificatePem: string;

  constructor(name = 'Test Root', parent?: TestCa) {
    this.#key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    this.#name = name;
    const issuer = parent ?? this;
    this.certificatePem = issuer.#issue(
      name,
      this.#key,
      [basicConstraints],
      Date.now() - day,
      Date.now() + day * 365,
    );
  }

  /** This CA's own certificate as another one signs it, PEM. */
  crossSigned(by: TestCa, notBefore: number, notAfter: number): string {
    return by.#issue(this.#name, this.#key, [basicConstraints], notBefore, notAfter);
  }

  /** A certificate of this CA with its key; chainPem is the certificate and then this CA's own. */
  leaf(options: LeafOptions): { certificatePem: string; chainPem: string; keyPem: string } {
    const keyPem = options.keyPem ?? newKeyPem();
    const notBefore = options.notBefore ?? Date.now() - 60_000;
    const notAfter = options.notAfter ?? Date.now() + 90 * day;
    const names = [
      ...(options.dnsNames ?? []).map((name) => der(0x82, Buffer.from(name, 'latin1'))),
      ...(options.ipAddresses ?? []).map((bytes) => der(0x87, Buffer.from(bytes))),
      ...(options.uris ?? []).map((uri) => der(0x86, Buffer.from(uri, 'latin1'))),
    ];
    const extensions = names.length === 0 ? [] : [sequence(oid('0603551d11'), der(0x04, sequence(...names)))];
    const certificatePem = this.#issue('', createPrivateKey(keyPem), extensions, notBefore, notAfter);
    return { certificatePem, chainPem: certificatePem + this.certificatePem, keyPem };
  }

  #issue(subject: string, key: KeyObject, extensions: Buffer[], notBefore: number, notAfter: number): string {
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      // The first byte keeps the number positive.
      der(0x02, Buffer.from([0x40]), randomBytes(15)),
      ecdsaWithSha256,
      commonName(this.#name),
      sequence(time(notBefore), time(notAfter)),
      subject === '' ? sequence() : commonName(subject),
      createPublicKey(key).export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
    );
    const signature = der(0x03, Buffer.from([0]), sign('sha256', body, this.#key));
    return toPem('CERTIFICATE', sequence(body, ecdsaWithSha256, signature));
  }
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const ecdsaWithSha256 = sequence(oid('06082a8648ce3d040302'));
const basicConstraints = sequence(oid('0603551d13'), der(0x04, sequence(der(0x01, Buffer.from([0xff])))));

/** GeneralizedTime, which a certificate may carry only from 2050 on but everyone reads. */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
}
