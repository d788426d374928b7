import { createCsr as createAcmeCsr } from 'acme-client/src/crypto/index.js';

/** Whether a CSR has a common name: CAs use the subjectAltName, but some insist on it (`LEGO_COMMON_NAME`). */
export type CommonName = 'first' | 'none';

/** RFC 5280, appendix A.1, ub-common-name. */
const longestCommonName = 64;

/**
 * A CSR for the hosts, PEM.
 *
 * @param keyPem the private key that signs it, PEM
 * @param commonName `first`: the first host that is short enough for it
 */
export async function createCsr(
  hosts: readonly string[],
  keyPem: string,
  commonName: CommonName = 'none',
): Promise<Buffer> {
  const name = commonName === 'first' ? hosts.find((host) => host.length <= longestCommonName) : undefined;
  const [, csr] = await createAcmeCsr(
    { altNames: [...hosts], ...(name !== undefined && { commonName: name }) },
    keyPem,
  );
  return csr;
}
