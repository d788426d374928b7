import type { Logger } from 'pino';
import { presetLimits } from '../machines/limits.ts';
import { OrderBudget } from '../machines/order-budget.ts';
import { AccountStore } from './acme/account.ts';
import type { AccountSecretStore } from './acme/account-secret.ts';
import { BorrowedKey } from './acme/borrowed-key.ts';
import { AcmeTransport } from './acme/transport.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { createLedger } from './ledger-keeper.ts';
import { Rehearsal } from './steps/rehearsal.ts';

/** The rehearsal that is configured, with a way of its own to its CA; undefined if there is none. */
export function createRehearsal(
  { rehearsalUrl, caBundle, email, profile }: Config,
  store: AccountSecretStore,
  agent: string,
  clock: Clock,
  log: Logger,
): Rehearsal | undefined {
  if (rehearsalUrl === undefined) return undefined;
  const transport = new AcmeTransport({ clock, userAgent: agent, caBundle });
  const account = new AccountStore({
    transport,
    clock,
    store: new BorrowedKey(store),
    directoryUrl: rehearsalUrl,
    email,
    onRefused: (refusal) =>
      log.error(refusal, 'Nothing can be rehearsed: the ACME account cannot be used there.'),
  });
  // In memory: what a crash forgets is little of what a staging CA allows.
  const budget = new OrderBudget(createLedger(presetLimits(rehearsalUrl), rehearsalUrl));
  return new Rehearsal({ account, transport, clock, profile, budget });
}
