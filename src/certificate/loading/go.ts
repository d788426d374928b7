import { DerError } from '../der.ts';
import { readGoCertificate } from './go-certificate.ts';
import { goPemBlocks } from './go-pem.ts';
import { isSameKey, readGoPrivateKey } from './go-private-key.ts';
import type { Loading } from './loading.ts';

/**
 * Whether servers written in Go (Traefik, Caddy, …) load the key pair: tls.X509KeyPair of Go 1.26. Of the chain they read the first
 * certificate only.
 */
export function loadWithGo(chainText: string, keyText: string): Loading {
  const leaf = goPemBlocks(chainText).find(({ label }) => label === 'CERTIFICATE')?.der;
  if (leaf === undefined) return { refusal: { part: 'tls.crt', detail: 'no certificate in PEM form' } };
  const key = goPemBlocks(keyText).find(({ label }) => /^(?:.* )?PRIVATE KEY$/.test(label));
  if (key === undefined) return { leaf, refusal: { part: 'tls.key', detail: 'no private key in PEM form' } };
  let part: 'tls.crt' | 'tls.key' = 'tls.crt';
  try {
    const publicKey = readGoCertificate(leaf);
    part = 'tls.key';
    const isMatch = isSameKey(publicKey, readGoPrivateKey(key.der));
    return isMatch ? { leaf } : { leaf, refusal: { part, detail: 'the key of another certificate' } };
  } catch (error) {
    const detail = error instanceof DerError ? error.message : `invalid ${part}`;
    return { leaf, refusal: { part, detail } };
  }
}
