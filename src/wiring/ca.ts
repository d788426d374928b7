import { inRehearsal } from '../../machines/assessment/rehearsal.ts';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import { presetLimits } from '../../machines/ledger/rate-limits.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor.ts';
import { second } from '../../machines/time/durations.ts';
import { BorrowedKey } from '../acme/account/borrowed-key.ts';
import { accountKeyTypes } from '../acme/protocol/account-key.ts';
import type { RequestReport } from '../acme/transport/transport.ts';
import { type CaOptions, CertificateAuthority } from '../authority/certificate-authority.ts';
import { NumberedDocuments } from '../kubernetes/records/numbered-documents.ts';
import { pauseLinkEvent } from '../steps/pause-link.ts';
import { Rehearsal } from '../steps/rehearse-order.ts';
import { retry } from '../time/retry.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** The CA, and the staging CA for rehearsals, if any. */
export interface Authorities {
  readonly ca: CertificateAuthority;
  readonly rehearsal: Rehearsal | undefined;
  /** Whether the account Secret has been read once: before that no challenge can be answered. */
  readonly accountRead: boolean;
  /** The owner of these hosts has requested a retry, although a CA had paused them. */
  liftPauses(hosts: readonly string[]): void;
  /** Starts to restore the state of an earlier process; retried while the API server is unreachable. */
  restore(onLedgerRead: () => void): void;
  /** Writes pending changes. */
  flush(): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface AuthoritiesOptions {
  readonly cluster: Cluster;
  readonly onRequest: (report: RequestReport) => void;
  readonly onReport: (report: OrderReport) => void;
  readonly tellSupervisor: (event: SupervisorEvent) => void;
}

/** @throws Error if the CA bundle cannot be used */
export function setUpAuthorities(runtime: Runtime, options: AuthoritiesOptions): Authorities {
  const { config } = runtime;
  const { client, accountSecret } = options.cluster;
  const ca = new CertificateAuthority({
    ...shared(runtime),
    directoryUrl: config.directoryUrl,
    rateLimits: config.rateLimits,
    externalAccount: config.externalAccount,
    keyTypes: config.accountKeyType === undefined ? accountKeyTypes : [config.accountKeyType],
    accountSecret,
    ledgerStore: new NumberedDocuments(client, config.namespace, 'orders'),
    onRequest: options.onRequest,
    onReport: options.onReport,
    onRoomChanged: (change) => options.tellSupervisor({ type: 'ROOM_CHANGED', change }),
  });
  const staging = setUpStaging(runtime, options.cluster);
  const all = [ca, ...(staging === undefined ? [] : [staging])];
  let accountRead = false;
  return {
    ca,
    rehearsal: staging && setUpRehearsal(runtime, staging, options.cluster),
    get accountRead() {
      return accountRead;
    },
    liftPauses(hosts) {
      for (const one of all) one.liftPauses(hosts);
    },
    restore(onLedgerRead) {
      // Both reject only with the signal's reason.
      Promise.all(all.map((one) => one.restore())).then(onLedgerRead, () => undefined);
      readAccount(runtime, ca).then(
        () => {
          accountRead = true;
        },
        () => undefined,
      );
    },
    flush: () => Promise.allSettled(all.map((one) => one.drain())),
    close: () => Promise.all(all.map((one) => one.close())),
  };
}

/** The staging CA: an account with the same key, its own ledger. */
function setUpStaging(
  runtime: Runtime,
  { client, accountSecret }: Cluster,
): CertificateAuthority | undefined {
  const { rehearsalUrl, namespace } = runtime.config;
  if (rehearsalUrl === undefined) return undefined;
  return new CertificateAuthority({
    ...shared(runtime),
    log: runtime.log.child({ ledger: 'rehearsals' }),
    directoryUrl: rehearsalUrl,
    rateLimits: presetLimits(rehearsalUrl),
    accountSecret: new BorrowedKey(accountSecret),
    ledgerStore: new NumberedDocuments(client, namespace, 'rehearsals'),
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

async function readAccount(
  { clock, log, signal }: Runtime,
  { account }: CertificateAuthority,
): Promise<void> {
  await retry(() => account.loadThumbprint(signal), {
    clock,
    signal,
    shortestPause: 0.5 * second,
    longestPause: 30 * second,
    onFailure: (error) => log.warn(error, 'The account Secret cannot be read; kube-lego tries again.'),
  });
}
