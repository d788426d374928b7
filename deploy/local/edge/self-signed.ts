import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface SelfSignedOptions {
  /** DNS names for the subject alternative names */
  readonly hosts: readonly string[];
  readonly commonName: string;
  /** milliseconds since the epoch */
  readonly notBefore: number;
  /** milliseconds since the epoch */
  readonly notAfter: number;
}

/**
 * Makes a self-signed certificate with a new EC P-256 key (RFC 5280, X.509 v3). Node has no call for it, and the few
 * DER structures it takes are cheaper than a dependency.
 * @returns PEM, the key in PKCS#8
 */
export function selfSignedCertificate(options: SelfSignedOptions): {
  certificatePem: string;
  keyPem: string;
} {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(
    der(0x31, sequence(objectIdentifiers.commonName, der(0x0c, Buffer.from(options.commonName)))),
  );
  const names = options.hosts.map((host) => der(0x82, Buffer.from(host, 'latin1')));
  const extensions =
    names.length === 0
      ? []
      : [der(0xa3, sequence(sequence(objectIdentifiers.subjectAltName, der(0x04, sequence(...names)))))];
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    // The leading byte keeps the serial number positive and free of a needless leading zero.
    der(0x02, Buffer.from([0x40]), randomBytes(15)),
    sequence(objectIdentifiers.ecdsaWithSha256),
    name,
    sequence(time(options.notBefore), time(options.notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    ...extensions,
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(
    body,
    sequence(objectIdentifiers.ecdsaWithSha256),
    der(0x03, Buffer.from([0]), signature),
  );
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certificatePem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const objectIdentifiers = {
  commonName: Buffer.from('0603550403', 'hex'),
  subjectAltName: Buffer.from('0603551d11', 'hex'),
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
};

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  const significant = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | significant.length]), significant, content]);
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5). */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return Number(digits.slice(0, 4)) < 2050
    ? der(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : der(0x18, Buffer.from(`${digits}Z`));
}
