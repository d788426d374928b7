import { createCsr as createAcmeCsr } from 'acme-client/src/crypto/index.js';

/**
 * A certificate signing request for the hosts, PEM. No common name: CAs take the names from the subjectAltName, and a
 * host of more than 64 characters could not be one (RFC 5280, appendix A.1, ub-common-name).
 *
 * @param keyPem the private key that signs it, PEM
 */
export async function createCsr(hosts: readonly string[], keyPem: string): Promise<Buffer> {
  const [, csr] = await createAcmeCsr({ altNames: [...hosts] }, keyPem);
  return csr;
}
