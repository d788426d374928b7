import type { X509Certificate } from 'node:crypto';
import { issuerOf, subjectOf } from './pem.ts';
import { validityOf } from './validity.ts';

/** A leaf, its issuers in order, and what belongs to no path. */
export interface CertificationPath {
  readonly path: readonly X509Certificate[];
  readonly strays: readonly X509Certificate[];
}

/**
 * Sorts the certificates of a chain by their signatures: CAs send them doubled, in another order, with the root, or with certificates
 * of another chain. A root is left out if there is another issuer: clients have it, or do not trust it.
 *
 * @param chain at most a few; each pair costs a signature check
 * @param now milliseconds since the epoch: of two possible issuers the one that is valid then is taken
 */
export function certificationPath(
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  now: number,
): CertificationPath {
  const path = [leaf];
  const rest = new Map(chain.map((certificate) => [certificate.fingerprint256, certificate]));
  rest.delete(leaf.fingerprint256);
  for (let last = leaf; ; ) {
    const issuers = isRoot(last) ? [] : [...rest.values()].filter((issuer) => isIssuedBy(last, issuer));
    const issuer = issuers.find((one) => isValid(one, now)) ?? issuers[0];
    if (issuer === undefined) break;
    path.push(issuer);
    rest.delete(issuer.fingerprint256);
    last = issuer;
  }
  const root = path.at(-1);
  if (path.length > 2 && root !== undefined && isRoot(root)) path.pop();
  return { path, strays: [...rest.values()] };
}

/** Whether a chain leads on from the leaf: it is self-signed, or its issuer is there. */
export function hasIssuer(leaf: X509Certificate, chain: readonly X509Certificate[]): boolean {
  return chain.some((certificate) => isIssuedBy(leaf, certificate)) || isRoot(leaf);
}

/** What was found of a certificate and a possible issuer: it is asked for several times, and costs a signature check. */
const issued = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>();

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const byIssuer = issued.get(certificate) ?? new WeakMap<X509Certificate, boolean>();
  issued.set(certificate, byIssuer);
  const known = byIssuer.get(issuer);
  if (known !== undefined) return known;
  const found = hasIssued(issuer, certificate);
  byIssuer.set(issuer, found);
  return found;
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    // OpenSSL's check also refuses what has nothing to do with the issuer, such as a key usage without bits.
    const isNamed = certificate.checkIssued(issuer) || issuerOf(certificate) === subjectOf(issuer);
    return isNamed && certificate.verify(issuer.publicKey);
  } catch {
    // A public key of a type that OpenSSL does not know.
    return false;
  }
}

function isRoot(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

function isValid(certificate: X509Certificate, now: number): boolean {
  const validity = validityOf(certificate);
  return validity !== undefined && validity.notBefore <= now && now < validity.notAfter;
}
