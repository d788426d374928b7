import { byClock, describeHold } from '../../machines/ingress/hold.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';
import type { AccountStore } from '../acme/account/account.ts';
import { ClockWatch } from '../acme/transport/clock-watch.ts';
import type { RequestReport } from '../acme/transport/transport.ts';
import { KubernetesLedgerDocuments } from '../kubernetes/records/ledger-documents.ts';
import type { Rehearsal } from '../steps/rehearse-order.ts';
import { createAccountStore, readAccount } from './account-setup.ts';
import { type CaSetup, setUpCa } from './ca-setup.ts';
import type { Cluster } from './cluster.ts';
import { createRehearsal } from './rehearsal-setup.ts';
import type { Runtime } from './runtime.ts';

/** The CA with our account there, and the one at which orders are rehearsed, if any. */
export interface Authorities extends CaSetup {
  readonly account: AccountStore;
  readonly rehearsal: Rehearsal | undefined;
  /** Whether the account Secret has been read once: before that a challenge that is under way could not be answered. */
  readonly accountRead: boolean;
  /** Begins to take up what an earlier process left; the API server may be away for as long as it likes. */
  restore(onLedgerRead: () => void): void;
  /** Writes what is not written yet. */
  flush(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** @throws Error if the CA bundle cannot be used */
export function setUpAuthorities(
  { config, clock, log, signal, userAgent }: Runtime,
  { client, accountSecret, events }: Cluster,
  onRequest: (report: RequestReport) => void,
  tellSupervisor: (event: SupervisorEvent) => void,
): Authorities {
  const clockWatch = new ClockWatch(log);
  const ca = setUpCa({
    directoryUrl: config.directoryUrl,
    rateLimits: config.rateLimits,
    documents: new KubernetesLedgerDocuments(client, config.namespace, 'orders'),
    userAgent,
    caBundle: config.caBundle,
    clock,
    signal,
    log,
    onRequest: (report, { clockWarning }) => {
      onRequest(report);
      clockWatch.observe(clockWarning);
    },
  });
  const account = createAccountStore(config, accountSecret, ca.transport, clock, log, {
    beforeAsking: () => {
      const caNow = ca.ledgerClock.now();
      const hold = ca.budget.askedWait(caNow);
      if (hold !== undefined) throw new StepError(describeHold(byClock(hold, caNow, clock.now())));
    },
    onTrouble: (retryAfter) => {
      tellSupervisor({ type: 'CA_TROUBLED', id: 'registration', retryAfter });
      if (retryAfter !== undefined) ca.keeper.refused();
    },
  });
  const rehearsal = createRehearsal(config, {
    client,
    store: accountSecret,
    agent: userAgent,
    clock,
    signal,
    log,
    publish: (event) => events.publish(event),
  });
  let accountRead = false;
  return {
    ...ca,
    account,
    rehearsal,
    get accountRead() {
      return accountRead;
    },
    restore(onLedgerRead) {
      // Both end of the signal only.
      Promise.all([ca.keeper.restore(), rehearsal?.restore()]).then(onLedgerRead, () => undefined);
      readAccount(account, clock, signal, log).then(
        () => {
          accountRead = true;
        },
        () => undefined,
      );
    },
    flush: () => Promise.allSettled([ca.keeper.drain(), rehearsal?.drain()]),
    close: () => Promise.all([ca.transport.close(), rehearsal?.close()]),
  };
}
