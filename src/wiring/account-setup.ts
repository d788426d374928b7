import type { Logger } from 'pino';
import { second } from '../../machines/time/durations.ts';
import { type AccountOptions, AccountStore } from '../acme/account/account.ts';
import type { AccountSecretStore } from '../acme/account/account-secret.ts';
import type { AcmeTransport } from '../acme/transport/transport.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../time/clock.ts';
import { retry } from '../time/retry.ts';

/** The account at the CA, which says in the log what becomes of it. */
export function createAccountStore(
  config: Config,
  store: AccountSecretStore,
  transport: AcmeTransport,
  clock: Clock,
  log: Logger,
  trouble: Pick<AccountOptions, 'beforeAsking' | 'onTrouble'>,
): AccountStore {
  return new AccountStore({
    ...trouble,
    transport,
    clock,
    store,
    directoryUrl: config.directoryUrl,
    email: config.email,
    externalAccount: config.externalAccount,
    onRegistered: ({ termsOfService, existing }) => {
      const verb = existing ? 'found' : 'registered';
      log.info({ directory: config.directoryUrl, termsOfService }, `The ACME account is ${verb}.`);
    },
    onRefused: (refusal) => log.error(refusal, 'Nothing can be ordered: the ACME account cannot be used.'),
  });
}

/** Until the account Secret has been read once, a challenge that is under way could not be answered. */
export async function readAccount(
  account: AccountStore,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  await retry(() => account.loadThumbprint(signal), {
    clock,
    signal,
    shortestPause: 500,
    longestPause: 30 * second,
    onFailure: (error) => log.warn(error, 'The account Secret cannot be read; it is tried again.'),
  });
}
