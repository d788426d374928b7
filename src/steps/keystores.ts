import { createHash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { isForeign } from '../../machines/assessment/secret-facts.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import type { Keystore } from '../../machines/ownership/keystore.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import { sentences } from '../../machines/reasons/sentences.ts';
import { parsePrivateKey } from '../certificate/key.ts';
import { longestChain, parseCertificate, pemBlocks } from '../certificate/pem.ts';
import { isForbidden, KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import {
  keystoreMarkAnnotation,
  type SecretStore,
  type StoredSecret,
} from '../kubernetes/records/secret-store.ts';
import { factsOf } from '../secret/secret-reading.ts';

type Place = Pick<DesiredCertificate, 'namespace' | 'secretName' | 'keystore'>;

const pbkdf2Async = promisify(pbkdf2);
/** Of the mark, as of the keystore. */
const iterations = 2048;
/** Java takes no other characters. */
const longestPassword = 256;
const usablePassword = /^[\x20-\x7E]+$/;

const mayWrite = "Allow kube-lego's ServiceAccount to write keystore.p12 there: see who refuses it, and why.";

/**
 * Keeps `keystore.p12` beside the certificate of a Secret. It is written after the certificate, never with it: whatever is wrong with the
 * keystore, the certificate is stored.
 */
export class Keystores {
  readonly #secrets: Pick<SecretStore, 'readKey' | 'putKeystore'>;

  constructor(secrets: Pick<SecretStore, 'readKey' | 'putKeystore'>) {
    this.#secrets = secrets;
  }

  /**
   * Makes the keystore anew if it is not of this certificate and password; removes ours when it is not asked for any more.
   *
   * @param stored as just read, with a good certificate
   * @returns what is in the way; then the keystore is as before
   * @throws KubernetesError if the Secret has changed, or the API server does not answer; the signal's reason
   */
  async keep(place: Place, stored: StoredSecret, signal: AbortSignal): Promise<Failure | undefined> {
    const mark = stored.annotations[keystoreMarkAnnotation];
    if (place.keystore === undefined && mark === undefined) return undefined;
    try {
      return await this.#keep(place, stored, mark, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.transient || error.code === 'Conflict') throw error;
      return notWritten(place.secretName, error.words, mayWrite);
    }
  }

  async #keep(
    { namespace, secretName, keystore: wanted }: Place,
    stored: StoredSecret,
    mark: string | undefined,
    signal: AbortSignal,
  ): Promise<Failure | undefined> {
    const facts = factsOf(stored);
    const isTheirs = facts.kind === 'absent' || isForeign(facts) || stored.immutable;
    if (wanted === undefined) {
      if (!isTheirs) await this.#secrets.putKeystore(namespace, secretName, stored, {}, signal);
      return undefined;
    }
    if (isTheirs) {
      const why = 'kube-lego did not create the Secret, or it is immutable.';
      return notWritten(secretName, why, 'Name another Secret, or have this one adopted.');
    }
    if (stored.keystore !== undefined && mark === undefined) {
      const why = 'it holds a keystore.p12 that kube-lego did not make.';
      return notWritten(secretName, why, 'Remove that key from the Secret.');
    }
    const password = await this.#password(namespace, wanted, signal);
    if (password === undefined) {
      const { passwordKey, passwordSecret } = wanted;
      const why = `there is no usable password at key ${passwordKey} of Secret ${passwordSecret}.`;
      return notWritten(secretName, why);
    }
    if (stored.keystore !== undefined && mark === (await markOf(stored, stored.keystore, password))) {
      return undefined;
    }
    const keystore = await keystoreOf(stored, password);
    if (keystore === undefined) throw new Error('a good certificate has a key pair that can be read');
    const content = { keystore, mark: await markOf(stored, keystore, password) };
    await this.#secrets.putKeystore(namespace, secretName, stored, content, signal);
    return undefined;
  }

  /** @returns undefined if it is none that a keystore can have, or may not be read: nothing more is told of a Secret */
  async #password(
    namespace: string,
    { passwordSecret, passwordKey }: Keystore,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      const value = await this.#secrets.readKey(namespace, passwordSecret, passwordKey, signal);
      const password = value === undefined || value.length > longestPassword ? '' : value.toString('latin1');
      return usablePassword.test(password) ? password : undefined;
    } catch (error) {
      if (isForbidden(error)) return undefined;
      throw error;
    }
  }
}

/** @param remedy undefined for that of a missing password */
function notWritten(secretName: string, why: string, remedy?: string): Failure {
  const message = sentences(`The keystore in Secret ${secretName} is not up to date: ${why}`, remedy ?? '');
  return { code: 'KeystoreNotWritten', message, ...(remedy === undefined ? {} : { namesRemedy: true }) };
}

/**
 * Says of what and with which password a keystore was made. Who tries passwords by it needs as long for each as with the keystore itself.
 */
async function markOf(stored: StoredSecret, keystore: Buffer, password: string): Promise<string> {
  const salt = createHash('sha256')
    .update(stored.certificatePem ?? '')
    .update(keystore)
    .digest();
  const mark = await pbkdf2Async(password, salt, iterations, 18, 'sha256');
  return mark.toString('base64url');
}

async function keystoreOf(
  { certificatePem, keyPem }: StoredSecret,
  password: string,
): Promise<Buffer | undefined> {
  const text = certificatePem?.subarray(0, longestChain).toString('latin1') ?? '';
  const key = keyPem && parsePrivateKey(keyPem);
  const [leaf, ...issuers] = [...pemBlocks(text)].flatMap((block) => parseCertificate(block) ?? []);
  if (key === undefined || leaf === undefined || !leaf.checkPrivateKey(key)) return undefined;
  // Only where somebody asks for a keystore: node-forge takes megabytes.
  const { pkcs12 } = await import('../certificate/making/pkcs12.ts');
  return pkcs12(leaf, issuers, key, password);
}
