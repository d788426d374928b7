import type { X509Certificate } from 'node:crypto';

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

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isRoot(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

function isValid({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now < validToDate.getTime();
}
