import type { KeyObject, X509Certificate } from 'node:crypto';
import { DerReader } from '../der.ts';

const base64 = '(?:[A-Za-z0-9+/]{64}\\n)*[A-Za-z0-9+/]{1,64}={0,2}\\n';
const ordinaryChain = new RegExp(
  `^(?:-----BEGIN CERTIFICATE-----\\n${base64}-----END CERTIFICATE-----\\n+)+$`,
);
const ordinaryKey = new RegExp(`^-----BEGIN PRIVATE KEY-----\\n${base64}-----END PRIVATE KEY-----\\n+$`);

/** RSA and ECDSA with SHA-256, SHA-384 or SHA-512 (RFC 4055, RFC 5758): object identifiers in hexadecimal. */
const strongSignatures: ReadonlySet<string> = new Set([
  '2a864886f70d01010b',
  '2a864886f70d01010c',
  '2a864886f70d01010d',
  '2a8648ce3d040302',
  '2a8648ce3d040303',
  '2a8648ce3d040304',
]);
const strongCurves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1']);
const leastModulus = 2048;

/**
 * Whether a key pair is of the form that all CAs make, in which nothing is left that servers with OpenSSL could refuse, so that it need
 * not be asked: its context for a server costs as much as all other checks together.
 *
 * @param chain the certificates that OpenSSL has parsed, in order
 * @param key likewise
 */
export function isOrdinary(
  { chainText, keyText }: { readonly chainText: string; readonly keyText: string },
  chain: readonly X509Certificate[],
  key: KeyObject | undefined,
): boolean {
  const [leaf] = chain;
  if (leaf === undefined || key === undefined) return false;
  if (!ordinaryChain.test(chainText) || !ordinaryKey.test(keyText)) return false;
  if (chainText.split('-----BEGIN ').length - 1 !== chain.length) return false;
  return chain.every(isStrong) && leaf.checkPrivateKey(key);
}

/** What was found: all certificates of a CA have the same few issuers. */
const judged = new WeakMap<X509Certificate, boolean>();

function isStrong(certificate: X509Certificate): boolean {
  const found = judged.get(certificate) ?? judgeStrength(certificate);
  judged.set(certificate, found);
  return found;
}

/** By the default security level of OpenSSL, 2. Node throws for keys of a kind that OpenSSL does not know. */
function judgeStrength({ publicKey, raw }: X509Certificate): boolean {
  const { asymmetricKeyDetails: details, asymmetricKeyType: type } = publicKey;
  const isStrongKey =
    type === 'ec'
      ? strongCurves.has(details?.namedCurve ?? '')
      : type === 'rsa' && (details?.modulusLength ?? 0) >= leastModulus;
  return isStrongKey && signaturesOf(raw).every((signature) => strongSignatures.has(signature));
}

/** The algorithm stands in a certificate twice (RFC 5280, section 4.1.1.2). @throws DerError */
function signaturesOf(raw: Buffer): string[] {
  const certificate = new DerReader(raw, 'certificate').sequence();
  const tbs = certificate.sequence();
  tbs.optional(0xa0);
  tbs.any();
  return [tbs.sequence().objectIdentifier(), certificate.sequence().objectIdentifier()];
}
