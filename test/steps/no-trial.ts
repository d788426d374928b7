import type { CertificateToStore } from '../../src/kubernetes/records/secret-store.ts';

/** For stand-ins of the Secrets, which look into nothing. */
export const noTrial = (): Promise<CertificateToStore> =>
  Promise.resolve({ chainPem: '', keyPem: '', annotations: {} });
