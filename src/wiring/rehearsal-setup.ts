import type { Logger } from 'pino';
import { inRehearsal } from '../../machines/assessment/rehearsal.ts';
import { presetLimits } from '../../machines/ledger/rate-limits.ts';
import { AccountStore } from '../acme/account/account.ts';
import type { AccountSecretStore } from '../acme/account/account-secret.ts';
import { BorrowedKey } from '../acme/account/borrowed-key.ts';
import type { Config } from '../config/config.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import type { SourceEvent } from '../kubernetes/records/events.ts';
import { KubernetesLedgerDocuments } from '../kubernetes/records/ledger-documents.ts';
import { pauseLinkEvent } from '../steps/pause-link.ts';
import { Rehearsal } from '../steps/rehearse-order.ts';
import type { Clock } from '../time/clock.ts';
import { setUpCa } from './ca-setup.ts';

export interface RehearsalSetup {
  readonly client: KubernetesClient;
  /** Where the account's key is. */
  readonly store: AccountSecretStore;
  readonly agent: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly publish: (event: SourceEvent) => void;
}

/**
 * The rehearsal that is configured, with a way of its own to its CA, and a ledger of its own that is kept as that of the real CA is;
 * undefined if there is none.
 */
export function createRehearsal(
  { rehearsalUrl, caBundle, email, profile, namespace }: Config,
  { client, store, agent, clock, signal, log, publish }: RehearsalSetup,
): Rehearsal | undefined {
  if (rehearsalUrl === undefined) return undefined;
  const { transport, ledgerClock, budget, keeper, orderTurns } = setUpCa({
    directoryUrl: rehearsalUrl,
    rateLimits: presetLimits(rehearsalUrl),
    documents: new KubernetesLedgerDocuments(client, namespace, 'rehearsals'),
    userAgent: agent,
    caBundle,
    clock,
    signal,
    log: log.child({ ledger: 'rehearsals' }),
  });
  const account = new AccountStore({
    transport,
    clock,
    store: new BorrowedKey(store),
    directoryUrl: rehearsalUrl,
    email,
    onTrouble: (retryAfter) => {
      budget.report({ type: 'CA_TROUBLED', id: 'registration', retryAfter }, ledgerClock.now());
      if (retryAfter !== undefined) keeper.refused();
    },
    onRefused: (refusal) =>
      log.error(refusal, 'Nothing can be rehearsed: the ACME account cannot be used there.'),
  });
  return new Rehearsal({
    account,
    transport,
    clock,
    ledgerClock,
    profile,
    onPause: (link, input) => {
      const event = pauseLinkEvent(input, link);
      publish({ ...event, message: inRehearsal(event.message) });
    },
    budget,
    ledger: keeper,
    orderTurns,
  });
}
