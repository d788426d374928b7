import type { CertificateFacts } from '../../machines/assessment/secret-facts.ts';

type Read = (chain: Buffer | undefined, key: Buffer | undefined) => CertificateFacts;

interface Reading {
  readonly key: Buffer | undefined;
  readonly facts: CertificateFacts;
}

/** Calls `read` once for a certificate: the cluster hands out the same buffers until a Secret changes. */
export function readOnce(read: Read): Read {
  const readings = new WeakMap<Buffer, Reading>();
  return (chain, key) => {
    const before = chain && readings.get(chain);
    if (before !== undefined && before.key === key) return before.facts;
    const facts = read(chain, key);
    if (chain !== undefined) readings.set(chain, { key, facts });
    return facts;
  };
}
