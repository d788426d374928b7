import { inRehearsal, isRehearsed } from '../../../machines/assessment/rehearsal.ts';
import { presetLimits } from '../../../machines/authority/known-cas.ts';
import { describeHold } from '../../../machines/ledger/hold.ts';
import type { Ledger } from '../../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../../machines/ledger/rate-limits.ts';
import type { DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import { isForbidden } from '../../kubernetes/client/kubernetes-error.ts';
import { createLedger, type LedgerStore } from '../../ledger/ledger-keeper.ts';
import type { CommandSettings, SecretStanding } from '../reading/secret-standing.ts';
import type { DesiredStanding } from './conclusion.ts';
import { type Check, timeAhead } from './explanation.ts';

/** The stored ledgers. */
export interface LedgerStores {
  /** Of the CA. */
  readonly orders: Pick<LedgerStore, 'read'>;
  /** Of the staging CA; read only with rehearsals. */
  readonly rehearsals: Pick<LedgerStore, 'read'>;
}

/**
 * What these certificates wait for at the CA, from the stored ledger: used if the controller is unreachable.
 *
 * @param now milliseconds since the epoch
 * @returns empty if they wait for nothing
 * @throws KubernetesError if the API server is unreachable
 */
export async function checkLimits(
  { orders, rehearsals }: LedgerStores,
  config: CommandSettings,
  standings: readonly DesiredStanding[],
  now: number,
  signal: AbortSignal,
): Promise<Check[]> {
  const { directoryKnown, directoryUrl, rateLimits, rehearsalUrl, namespace } = config;
  if (standings.length === 0 || !directoryKnown) return [];
  const rehearsed = standings.filter(({ standing }) => isRehearsed(dueOf(standing)?.reason ?? 'missing'));
  const opened = async (store: LedgerStores['orders'], limits: RateLimits, url: string): Promise<Ledger> => {
    const ledger = createLedger(limits, url);
    ledger.restore(await store.read(signal), now);
    return ledger;
  };
  try {
    const checks = ledgerChecks(await opened(orders, rateLimits, directoryUrl), standings, now);
    if (rehearsalUrl === undefined || rehearsed.length === 0) return checks;
    const ledger = await opened(rehearsals, presetLimits(rehearsalUrl), rehearsalUrl);
    const inAdvance = ledgerChecks(ledger, rehearsed, now);
    return [...checks, ...inAdvance.map((check) => ({ ...check, text: inRehearsal(check.text) }))];
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const text = `The remaining limits of the CA may not be read here (ConfigMaps of namespace ${namespace}).`;
    return [{ about: 'limits', result: 'unknown', text }];
  }
}

function ledgerChecks(ledger: Ledger, standings: readonly DesiredStanding[], now: number): Check[] {
  const busyUntil = ledger.unavailableUntil(now);
  const busy: Check[] = busyUntil === undefined ? [] : [busyCheck(busyUntil, now)];
  const holds = standings.flatMap(({ desired, standing }): Check[] => {
    const { secretName } = desired;
    const hold = ledger.hold(orderOf(desired, standing), now);
    if (hold === undefined) return [];
    const room = `The limit has room ${timeAhead(hold.until, now)}.`;
    const text = sentences(`Secret ${secretName}: ${describeHold(hold).message}`, room);
    return [{ about: 'limits', result: 'note', text }];
  });
  return [...busy, ...holds];
}

function busyCheck(until: number, now: number): Check {
  const text = `The CA was busy or failing and asked to wait; it is tried again ${timeAhead(until, now)}.`;
  return { about: 'CA', result: 'note', text, remedy: 'Wait.' };
}

/** The order that the controller would request; a first one for a Secret that may not be read. */
function orderOf(desired: DesiredCertificate, standing: SecretStanding): OrderRequest {
  const due = dueOf(standing);
  return {
    identifiers: (due ?? desired).hosts.map(({ host }) => host),
    purpose: due?.purpose ?? 'first',
    exemption: due?.exemption ?? 'none',
  };
}

function dueOf(standing: SecretStanding) {
  return standing.kind === 'read' && standing.assessment.kind === 'due' ? standing.assessment : undefined;
}
