import { X509Certificate } from 'node:crypto';

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Chooses among the chains of a certificate: a root may have issued an intermediate of one chain and be an intermediate of another, so
 * the one in which this issuer is nearest to the end.
 * @param chains PEM, leaf first
 * @param issuer common name
 * @returns undefined if none of them has this issuer
 */
export function preferredChain(chains: readonly string[], issuer: string): string | undefined {
  let preferred: { readonly chain: string; readonly distance: number } | undefined;
  for (const chain of chains) {
    const names = (chain.match(certificates) ?? []).map(issuerNames);
    const index = names.findIndex((common) => common.includes(issuer));
    const distance = names.length - index;
    if (index >= 0 && (preferred === undefined || distance < preferred.distance))
      preferred = { chain, distance };
  }
  return preferred?.chain;
}

/** Common names; none of what is no certificate. */
function issuerNames(pem: string): readonly string[] {
  try {
    return [new X509Certificate(pem).toLegacyObject().issuer.CN ?? []].flat();
  } catch {
    return [];
  }
}
