import type { CheckSecretsOptions } from '../../src/steps/check-secrets.ts';

/** Nobody has requested a revocation. */
export const noRevocations: CheckSecretsOptions['revocations'] = {
  reasonFor: () => undefined,
  isCompromised: () => false,
};
