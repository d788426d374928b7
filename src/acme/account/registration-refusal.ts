import type { AcmeProblem } from '../transport/problem.ts';
import { isDeactivated } from './account-hold.ts';

/** What the registration was sent with. */
interface Sent {
  readonly email?: string | undefined;
  readonly externalAccount?: object | undefined;
  /** The Secret with the account key. */
  readonly keyPlace: string;
}

export const getBinding =
  'Get a key id and an HMAC key from the CA and set LEGO_EAB_KID and LEGO_EAB_HMAC_KEY.';
const checkBinding =
  'Check LEGO_EAB_KID and LEGO_EAB_HMAC_KEY: the CA does not accept them, and some CAs accept a key id only once.';

/** Whether the CA refuses the type of the account key. */
export function refusesKey({ algorithms, type }: AcmeProblem): boolean {
  return algorithms.length > 0 || type === 'badSignatureAlgorithm' || type === 'badPublicKey';
}

/** Whether the account may still be registered after its look-up was refused with this. */
export function mayRegisterAfter(problem: AcmeProblem): boolean {
  const mayWait = problem.transient || problem.type === 'rateLimited' || problem.status === 429;
  return !mayWait && !refusesKey(problem) && !isDeactivated(problem);
}

/** The settings that a refused registration lacks, or that are wrong; undefined if the problem itself says what to do. */
export function whatIsMissing(
  problem: AcmeProblem,
  { email, externalAccount, keyPlace }: Sent,
): string | undefined {
  const { detail, type } = problem;
  if (refusesKey(problem)) return otherKeyNeeded(problem, keyPlace);
  if (/contact/i.test(type) || /\bcontacts?\b|e-?mail/i.test(detail)) {
    return email === undefined ? 'Set LEGO_EMAIL: the CA wants an e-mail address.' : 'Correct LEGO_EMAIL.';
  }
  if (type === 'externalAccountRequired' || /external ?account|\bEAB\b/i.test(detail)) {
    return externalAccount === undefined ? getBinding : checkBinding;
  }
  const mayBeBinding = externalAccount !== undefined && ['unauthorized', 'malformed'].includes(type);
  return mayBeBinding ? checkBinding : undefined;
}

function otherKeyNeeded({ algorithms }: AcmeProblem, keyPlace: string): string {
  const type = algorithms.length === 0 || algorithms.includes('RS256') ? 'rsa-2048' : 'another type';
  const accepted = algorithms.length === 0 ? '' : ` (it accepts ${algorithms.join(', ')})`;
  return (
    `The CA does not accept the type of the key in Secret ${keyPlace}${accepted}, and this key is kept. ` +
    `Set LEGO_SECRET_NAME to a new name and LEGO_ACCOUNT_KEY_TYPE to ${type}: a new account with such a key is registered.`
  );
}
