import type { Failure } from '../reasons/reasons.ts';

/** The annotations of a source that ask for a keystore, as they are. */
export interface KeystoreRequest {
  /** `kube-lego.io/keystore`. */
  readonly type: string | undefined;
  /** `kube-lego.io/keystore-password`. */
  readonly password: string | undefined;
}

/** A PKCS #12 keystore beside the certificate. */
export interface Keystore {
  /** Where its password is: a Secret of the same namespace, and a key in it. */
  readonly passwordSecret: string;
  readonly passwordKey: string;
}

export const keystoreAnnotation = 'kube-lego.io/keystore';
export const keystorePasswordAnnotation = 'kube-lego.io/keystore-password';
/** Characters of its longest value: a name of a Secret, and of a key. */
export const longestPasswordReference = 253 + 1 + 253;

/** RFC 1123 subdomain; then what may be a key of a Secret. */
const reference = /^([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)\/([-._a-zA-Z0-9]{1,253})$/;

/** What is asked for; a failure if that is no keystore that kube-lego makes. The certificate does not depend on it. */
export function readKeystore(request: KeystoreRequest | undefined): Keystore | Failure | undefined {
  if (request === undefined) return undefined;
  const { type, password } = request;
  if (type?.trim().toLowerCase() !== 'pkcs12') {
    const what = type === undefined ? `${keystoreAnnotation} is missing` : `Keystore type ${type} is unknown`;
    return { code: 'UnsupportedKeystore', message: `${what}.` };
  }
  const [, passwordSecret, passwordKey] = reference.exec(password?.trim() ?? '') ?? [];
  if (passwordSecret === undefined || passwordKey === undefined) {
    const message = `${keystorePasswordAnnotation} does not say where the password of the keystore is, as SECRET/KEY.`;
    return { code: 'UnsupportedKeystore', message };
  }
  return { passwordSecret, passwordKey };
}

export function isKeystore(read: Keystore | Failure | undefined): read is Keystore {
  return read !== undefined && 'passwordSecret' in read;
}
