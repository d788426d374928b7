import { orderPurposes } from '../../machines/assessment/defects.ts';
import { inRehearsal, isRehearsed } from '../../machines/assessment/rehearsal.ts';
import { describeHold } from '../../machines/ingress/hold.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import { presetLimits, type RateLimits } from '../../machines/ledger/rate-limits.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import { createLedger, type LedgerStore } from '../ledger/ledger-keeper.ts';
import { isForbidden } from './cluster-reading.ts';
import type { DesiredStanding } from './conclusion.ts';
import { type Check, timeAhead } from './explanation.ts';
import type { CommandSettings, SecretStanding } from './secret-standing.ts';

/** Where the controller has written down what it has spent. */
export interface LedgerStores {
  /** At the CA. */
  readonly orders: Pick<LedgerStore, 'read'>;
  /** At the CA of rehearsals, which is read only where there is one. */
  readonly rehearsals: Pick<LedgerStore, 'read'>;
}

/**
 * What keeps these certificates waiting at the CA, as the controller wrote it down: for where it cannot be asked itself.
 *
 * @param now milliseconds since the epoch
 * @returns nothing where nothing does
 * @throws KubernetesError when the API server cannot be asked
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
    const text = `What the CA's limits have left may not be read here (ConfigMaps of namespace ${namespace}).`;
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
    const text = `Secret ${secretName}: ${describeHold(hold).message} It has room ${timeAhead(hold.until, now)}.`;
    return [{ about: 'limits', result: 'note', text }];
  });
  return [...busy, ...holds];
}

function busyCheck(until: number, now: number): Check {
  const text = `The CA was busy or out of order and asked all to wait, so no order is made before then: it is asked again ${timeAhead(until, now)}.`;
  return { about: 'CA', result: 'note', text, remedy: 'There is nothing to do but wait.' };
}

/** The order that the controller would ask for. Of a Secret that may not be read it counts as the first. */
function orderOf(desired: DesiredCertificate, standing: SecretStanding): OrderRequest {
  const due = dueOf(standing);
  return {
    identifiers: (due ?? desired).hosts.map(({ host }) => host),
    purpose: due === undefined ? 'first' : orderPurposes[due.reason],
    exemption: due?.exemption ?? 'none',
  };
}

function dueOf(standing: SecretStanding) {
  return standing.kind === 'read' && standing.assessment.kind === 'due' ? standing.assessment : undefined;
}
