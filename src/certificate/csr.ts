import { createCsr as createAcmeCsr } from 'acme-client/src/crypto/index.js';

/**
 * A CSR for the hosts, PEM. No common name: CAs use the subjectAltName, and a common name has at most 64 characters
 * (RFC 5280, appendix A.1, ub-common-name).
 *
 * @param keyPem the private key that signs it, PEM
 */
export async function createCsr(hosts: readonly string[], keyPem: string): Promise<Buffer> {
  const [, csr] = await createAcmeCsr({ altNames: [...hosts] }, keyPem);
  return csr;
}
