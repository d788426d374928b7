import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { SecretObject } from './objects.ts';

/**
 * The TLS Secrets that an edge has seen. A Secret is parsed when the first handshake asks for it, not when it changes,
 * and each of the two instances of an edge finds what the other has parsed.
 */
export class CertificateStore {
  readonly #secrets = new Map<string, SecretObject>();

  set(key: string, secret: SecretObject | undefined): void {
    if (secret === undefined) this.#secrets.delete(key);
    else this.#secrets.set(key, secret);
  }

  /**
   * The TLS context for a host out of the first of the named Secrets that exists, holds a certificate for the host and
   * the key that belongs to it. As ingress-nginx, the edge passes over a certificate that does not cover the host.
   */
  contextFor(host: string, secrets: readonly string[]): SecureContext | undefined {
    for (const key of secrets) {
      const secret = this.#secrets.get(key);
      const loaded = secret === undefined ? undefined : load(secret);
      if (loaded?.certificate.checkHost(host) !== undefined) return loaded.context;
    }
    return undefined;
  }

  /** The TLS context out of the first of the named Secrets that exists and holds a certificate and its key, whatever names that has. */
  firstContext(secrets: readonly string[]): SecureContext | undefined {
    for (const key of secrets) {
      const secret = this.#secrets.get(key);
      const loaded = secret === undefined ? undefined : load(secret);
      if (loaded !== undefined) return loaded.context;
    }
    return undefined;
  }
}

interface Loaded {
  readonly certificate: X509Certificate;
  readonly context: SecureContext;
}

/** Remembered for as long as somebody holds the Secret; undefined is remembered as well: it does not get better. */
const loadedSecrets = new WeakMap<SecretObject, Loaded | undefined>();

function load(secret: SecretObject): Loaded | undefined {
  if (loadedSecrets.has(secret)) return loadedSecrets.get(secret);
  const loaded = parse(secret);
  loadedSecrets.set(secret, loaded);
  return loaded;
}

function parse({ certificatePem, keyPem }: SecretObject): Loaded | undefined {
  try {
    const certificate = new X509Certificate(certificatePem);
    return { certificate, context: createSecureContext({ cert: certificatePem, key: keyPem }) };
  } catch {
    // Not a certificate, or not its key: to a controller the same as no Secret at all.
    return undefined;
  }
}
