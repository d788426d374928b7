import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';

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
      name(this.#name),
      sequence(time(notBefore), time(notAfter)),
      name(subject),
      createPublicKey(key).export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
    );
    const signature = der(0x03, Buffer.from([0]), sign('sha256', body, this.#key));
    return toPem('CERTIFICATE', sequence(body, ecdsaWithSha256, signature));
  }
}

export function toPem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const ecdsaWithSha256 = sequence(oid('06082a8648ce3d040302'));
const basicConstraints = sequence(oid('0603551d13'), der(0x04, sequence(der(0x01, Buffer.from([0xff])))));

function oid(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function name(commonName: string): Buffer {
  return commonName === ''
    ? sequence()
    : sequence(der(0x31, sequence(oid('0603550403'), der(0x0c, Buffer.from(commonName)))));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}

/** GeneralizedTime, which a certificate may carry only from 2050 on but everyone reads. */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
}
