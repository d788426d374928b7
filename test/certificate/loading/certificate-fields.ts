import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { commonName, der, extension, oid, sequence, toPem } from '../der-building.ts';
import { fixedEcKey } from './key-forms.ts';

export const host = 'shop.example.com';

/** Parts of a certificate (RFC 5280 section 4.1), each DER; what is not given is as CAs make it. */
export interface CertificateFields {
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly algorithm?: Buffer;
  readonly digest?: 'md5' | 'sha1';
  /** The second one, outside of what is signed. */
  readonly outerAlgorithm?: Buffer;
  readonly issuer?: Buffer;
  readonly validity?: Buffer;
  readonly subject?: Buffer;
  readonly publicKey?: Buffer;
  /** `undefined` is what makes it version 1. */
  readonly extensions?: readonly Buffer[] | undefined;
}

const ecdsaWithSha256 = sequence(oid('06082a8648ce3d040302'));
const ed25519 = sequence(oid('06032b6570'));
export const version3 = der(0xa0, der(0x02, Buffer.from([2])));

/** A CA that signs whatever it is given. */
export class AnyCa {
  readonly #key: KeyObject;
  readonly #algorithm: Buffer;
  readonly name: Buffer;
  readonly pem: string;

  /** @param key of type Ed25519, whose signatures are the same in each run, or EC; a key on P-256 if there is none */
  constructor(name: string, { parent, key }: { readonly parent?: AnyCa; readonly key?: KeyObject } = {}) {
    this.#key = key ?? fixedEcKey(name);
    this.#algorithm = this.#key.asymmetricKeyType === 'ed25519' ? ed25519 : ecdsaWithSha256;
    this.name = commonName(name);
    const issuer = parent ?? this;
    const basicConstraints = extension('0603551d13', sequence(der(0x01, Buffer.from([0xff]))), 0xff);
    this.pem = issuer.pemOf(this.#key, {
      issuer: issuer.name,
      subject: this.name,
      extensions: [basicConstraints],
    });
  }

  /** @param key whose public part is certified */
  derOf(key: KeyObject, fields: CertificateFields = {}): Buffer {
    const algorithm = fields.algorithm ?? this.#algorithm;
    const extensions = 'extensions' in fields ? fields.extensions : [alternativeNames(host)];
    const body = sequence(
      fields.version ?? version3,
      fields.serial ?? der(0x02, Buffer.from('4a11ce', 'hex')),
      algorithm,
      fields.issuer ?? this.name,
      fields.validity ?? validity('260101000000Z', '280101000000Z'),
      fields.subject ?? commonName(host),
      fields.publicKey ?? createPublicKey(key).export({ type: 'spki', format: 'der' }),
      ...(extensions === undefined ? [] : [der(0xa3, sequence(...extensions))]),
    );
    const digest = this.#algorithm === ed25519 ? undefined : (fields.digest ?? 'sha256');
    const signature = der(0x03, Buffer.from([0]), sign(digest, body, this.#key));
    return sequence(body, fields.outerAlgorithm ?? algorithm, signature);
  }

  pemOf(key: KeyObject, fields?: CertificateFields): string {
    return toPem('CERTIFICATE', this.derOf(key, fields));
  }
}

export function alternativeNames(...names: readonly (string | Buffer)[]): Buffer {
  const entries = names.map((name) => (typeof name === 'string' ? der(0x82, Buffer.from(name)) : name));
  return extension('0603551d11', sequence(...entries));
}

/** UTCTime for texts of 13 or fewer characters and such with a zone, else GeneralizedTime. */
export function validity(notBefore: string, notAfter: string): Buffer {
  return sequence(time(notBefore), time(notAfter));
}

function time(text: string): Buffer {
  const isGeneralized = /^\d{14}/.test(text);
  return der(isGeneralized ? 0x18 : 0x17, Buffer.from(text));
}
