import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface CertificateRequest {
  readonly hosts?: readonly string[];
  /** IPv4 addresses */
  readonly addresses?: readonly string[];
  /** milliseconds since the epoch; default: an hour ago */
  readonly notBefore?: number;
  /** milliseconds since the epoch; default: in 90 days */
  readonly notAfter?: number;
}

export interface IssuedCertificate {
  /** leaf first, then the authority */
  readonly chainPem: string;
  /** EC P-256, PKCS#8 */
  readonly keyPem: string;
}

const hour = 3_600_000;
const day = 24 * hour;

/**
 * A CA for tests (X.509 v3, RFC 5280): for pebble's own listener, and for certificates of another owner in a Secret. Node
 * can parse certificates but not create them, and the few DER structures are cheaper than a dependency.
 */
export class Authority {
  /** PEM */
  readonly certificatePem: string;
  readonly #name: Buffer;
  readonly #key: KeyObject;

  constructor(commonName: string, now = Date.now()) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = distinguishedName(commonName);
    this.#key = privateKey;
    this.certificatePem = this.#sign({
      subject: this.#name,
      publicKey,
      validity: [now - hour, now + 3650 * day],
      extensions: [
        extension(oid.basicConstraints, 'critical', sequence(der(tag.boolean, [0xff]))),
        extension(oid.keyUsage, 'critical', der(tag.bitString, [1, keyCertSign | cRLSign])),
      ],
    });
  }

  /** Issues a certificate for a TLS server, with a new key. */
  issue(request: CertificateRequest, now = Date.now()): IssuedCertificate {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = [
      ...(request.hosts ?? []).map((host) => der(tag.dnsName, Buffer.from(host, 'latin1'))),
      ...(request.addresses ?? []).map((address) => der(tag.ipAddress, address.split('.').map(Number))),
    ];
    const certificate = this.#sign({
      subject: sequence(),
      publicKey,
      validity: [request.notBefore ?? now - hour, request.notAfter ?? now + 90 * day],
      extensions: [
        // Critical, because the subject is empty (RFC 5280 section 4.2.1.6).
        extension(oid.subjectAltName, 'critical', sequence(...names)),
        extension(oid.extendedKeyUsage, 'advisory', sequence(oid.serverAuth)),
      ],
    });
    return {
      chainPem: certificate + this.certificatePem,
      keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  #sign(parts: {
    readonly subject: Buffer;
    readonly publicKey: KeyObject;
    readonly validity: readonly [number, number];
    readonly extensions: readonly Buffer[];
  }): string {
    const toBeSigned = sequence(
      der(tag.version, der(tag.integer, [2])),
      // The leading byte keeps the serial number positive and free of a needless leading zero.
      der(tag.integer, [0x40], randomBytes(15)),
      sequence(oid.ecdsaWithSha256),
      this.#name,
      sequence(...parts.validity.map(time)),
      parts.subject,
      parts.publicKey.export({ type: 'spki', format: 'der' }),
      der(tag.extensions, sequence(...parts.extensions)),
    );
    const signature = sign('sha256', toBeSigned, this.#key);
    const certificate = sequence(
      toBeSigned,
      sequence(oid.ecdsaWithSha256),
      der(tag.bitString, [0], signature),
    );
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

const tag = {
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
  version: 0xa0,
  extensions: 0xa3,
};

// Bits of KeyUsage, the first bit being the highest (RFC 5280 section 4.2.1.3).
const keyCertSign = 0x04;
const cRLSign = 0x02;

const oid = {
  commonName: Buffer.from('0603550403', 'hex'),
  keyUsage: Buffer.from('0603551d0f', 'hex'),
  subjectAltName: Buffer.from('0603551d11', 'hex'),
  basicConstraints: Buffer.from('0603551d13', 'hex'),
  extendedKeyUsage: Buffer.from('0603551d25', 'hex'),
  serverAuth: Buffer.from('06082b06010505070301', 'hex'),
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
};

function distinguishedName(commonName: string): Buffer {
  return sequence(der(tag.set, sequence(oid.commonName, der(tag.utf8String, Buffer.from(commonName)))));
}

function extension(id: Buffer, importance: 'critical' | 'advisory', value: Buffer): Buffer {
  const critical = importance === 'critical' ? [der(tag.boolean, [0xff])] : [];
  return sequence(id, ...critical, der(tag.octetString, value));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(tag.sequence, ...parts);
}

function der(type: number, ...parts: readonly (Buffer | readonly number[])[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  if (content.length < 0x80) return Buffer.concat([Buffer.from([type, content.length]), content]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(content.length);
  const length = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([type, 0x80 | length.length]), length, content]);
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5). */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return Number(digits.slice(0, 4)) < 2050
    ? der(tag.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : der(tag.generalizedTime, Buffer.from(`${digits}Z`));
}
