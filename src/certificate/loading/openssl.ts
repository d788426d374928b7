import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { DerReader } from '../der.ts';
import { certificateOf } from '../pem.ts';
import type { Loading } from './loading.ts';

/**
 * Whether servers with OpenSSL (nginx, HAProxy, …) load the key pair. Node is one of them: it loads a key pair by the same functions,
 * at OpenSSL's default security level (2 since OpenSSL 3.2), which refuses short keys and weak signatures.
 */
export function loadWithOpenssl(chain: Buffer, key: Buffer): Loading {
  const leaf = certificateOf(chain)?.raw;
  const pair = attempt({ cert: chain, key });
  if (pair === undefined) return { leaf };
  const crt = attempt({ cert: chain });
  return {
    leaf,
    refusal: crt === undefined ? { part: 'tls.key', detail: pair } : { part: 'tls.crt', detail: crt },
  };
}

/** @returns OpenSSL's reason, one of its own fixed texts; undefined if it loads */
function attempt(pair: { readonly cert: Buffer; readonly key?: Buffer }): string | undefined {
  try {
    // An empty list: by default Node would load its roots.
    createSecureContext({ ...pair, ca: [] });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error && 'reason' in error ? error.reason : undefined;
    return typeof reason === 'string' ? reason : 'it cannot be read';
  }
}

/** With MD2, MD4, MD5 or SHA-1 (RFC 3279): object identifiers in hexadecimal. */
const weakSignatures: ReadonlySet<string> = new Set([
  '2a864886f70d010102',
  '2a864886f70d010103',
  '2a864886f70d010104',
  '2a864886f70d010105',
  '2a8648ce3d0401',
  '2a8648ce380403',
]);

/** Whether OpenSSL 3.0 refuses a certificate for its signature, which the OpenSSL of Node may accept. Self-signed ones are not judged. */
export function isWeaklySigned(certificate: X509Certificate): boolean {
  try {
    const tbs = new DerReader(certificate.raw, 'certificate').sequence().sequence();
    tbs.optional(0xa0);
    tbs.any();
    const isWeak = weakSignatures.has(tbs.sequence().objectIdentifier());
    return isWeak && !certificate.checkIssued(certificate);
  } catch {
    return false;
  }
}
