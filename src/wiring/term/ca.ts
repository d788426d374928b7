import { inRehearsal } from '../../../machines/assessment/rehearsal.ts';
import { presetLimits } from '../../../machines/authority/known-cas.ts';
import type { OrderReport } from '../../../machines/authority/order-report.ts';
import type { SupervisorEvent } from '../../../machines/supervisor/supervisor-messages.ts';
import { BorrowedKey } from '../../acme/account/borrowed-key.ts';
import { KeyRollover } from '../../acme/account/key-rollover.ts';
import { accountKeyTypes } from '../../acme/protocol/account-key.ts';
import type { RequestReport } from '../../acme/transport/transport.ts';
import { type CaOptions, CertificateAuthority } from '../../authority/certificate-authority.ts';
import { Draining } from '../../authority/draining.ts';
import { NumberedDocuments } from '../../kubernetes/records/numbered-documents.ts';
import { pauseLinkEvent } from '../../steps/pause-link.ts';
import { Rehearsal } from '../../steps/rehearse-order.ts';
import type { Cluster } from '../cluster.ts';
import type { Runtime } from '../runtime.ts';
import { recheckWrites } from './recheck-writes.ts';

/** The CA, and the staging CA for rehearsals, if any. */
export interface Authorities {
  readonly ca: CertificateAuthority;
  readonly rehearsal: Rehearsal | undefined;
  /** For the orders at both. */
  readonly draining: Draining;
  /** The owner of these hosts has requested a retry, although a CA had paused them. */
  liftPauses(hosts: readonly string[]): void;
  /**
   * Restores the state of an earlier process, however long it takes; resolves when the ledgers are. Rejects only with the signal's reason.
   * From then on the account key is changed on request.
   */
  restore(): Promise<unknown>;
  /** Writes pending changes. */
  flush(): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface AuthoritiesOptions {
  readonly cluster: Cluster;
  /** Whether signed requests may be sent to a CA now. */
  readonly mayWrite: () => boolean;
  readonly onRequest: (report: RequestReport) => void;
  readonly onReport: (report: OrderReport) => void;
  readonly tellSupervisor: (event: SupervisorEvent) => void;
}

/** @throws Error if the CA bundle cannot be used */
export function setUpAuthorities(runtime: Runtime, options: AuthoritiesOptions): Authorities {
  const { config } = runtime;
  const { client, accountSecret, observerOf } = options.cluster;
  const draining = new Draining();
  const ca = new CertificateAuthority({
    ...shared(runtime),
    mayWrite: options.mayWrite,
    draining,
    directoryUrl: config.directoryUrl,
    rateLimits: config.rateLimits,
    externalAccount: config.externalAccount,
    keyTypes: config.accountKeyType === undefined ? accountKeyTypes : [config.accountKeyType],
    accountSecret,
    ledgerStore: new NumberedDocuments(
      client,
      config.namespace,
      'orders',
      config.objectMetadata,
      observerOf('ledger'),
    ),
    onRequest: options.onRequest,
    onReport: options.onReport,
    onRoomChanged: (change) => options.tellSupervisor({ type: 'ROOM_CHANGED', change }),
  });
  const staging = setUpStaging(runtime, options, draining);
  const all = [ca, ...(staging === undefined ? [] : [staging])];
  const rollover = setUpRollover(runtime, ca, staging);
  return {
    ca,
    rehearsal: staging && setUpRehearsal(runtime, staging, options.cluster),
    draining,
    liftPauses(hosts) {
      for (const one of all) one.liftPauses(hosts);
    },
    restore() {
      void rollover.tend();
      void recheckWrites(runtime, accountSecret);
      return Promise.all(all.map((one) => one.restore()));
    },
    flush: () => Promise.allSettled(all.map((one) => one.drain())),
    close: () => Promise.all(all.map((one) => one.close())),
  };
}

/** Gives the account another key when an operator requests it; the account at the staging CA has the same key. */
function setUpRollover(
  { clock, log, signal }: Runtime,
  ca: CertificateAuthority,
  staging: CertificateAuthority | undefined,
): KeyRollover {
  return new KeyRollover({
    account: ca.account,
    borrowers: staging === undefined ? [] : [staging.account],
    clock,
    signal,
    onOutcome: ({ phase, message }) =>
      phase === 'changed'
        ? log.warn({ thumbprint: ca.account.thumbprint() }, 'The key of the ACME account is changed.')
        : log.error(`The CA refuses another key for the ACME account: ${message ?? ''}`),
    onTrouble: (error) =>
      log.warn(error, 'The key of the ACME account is not changed yet; kube-lego tries again.'),
  });
}

/** The staging CA: an account with the same key, its own ledger. */
function setUpStaging(
  runtime: Runtime,
  { cluster: { client, accountSecret, observerOf }, mayWrite }: AuthoritiesOptions,
  draining: Draining,
): CertificateAuthority | undefined {
  const { rehearsalUrl, namespace, objectMetadata } = runtime.config;
  if (rehearsalUrl === undefined) return undefined;
  return new CertificateAuthority({
    ...shared(runtime),
    mayWrite,
    draining,
    log: runtime.log.child({ ledger: 'rehearsals' }),
    directoryUrl: rehearsalUrl,
    rateLimits: presetLimits(rehearsalUrl),
    accountSecret: new BorrowedKey(accountSecret),
    ledgerStore: new NumberedDocuments(
      client,
      namespace,
      'rehearsals',
      objectMetadata,
      observerOf('rehearsal-ledger'),
    ),
  });
}

function setUpRehearsal(
  { clock, config }: Runtime,
  ca: CertificateAuthority,
  { events }: Cluster,
): Rehearsal {
  return new Rehearsal({
    ca,
    clock,
    commonName: config.commonName,
    onPause: (link, input) => {
      const event = pauseLinkEvent(input, link);
      events.publish({ ...event, message: inRehearsal(event.message) });
    },
  });
}

function shared({ config, clock, log, signal, userAgent }: Runtime) {
  const { caBundle, email, profile, proxy } = config;
  return { caBundle, email, profile, proxy, clock, log, signal, userAgent } satisfies Partial<CaOptions>;
}
