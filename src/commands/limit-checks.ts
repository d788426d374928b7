import { orderPurposes } from '../../machines/defects.ts';
import type { DesiredCertificate } from '../../machines/desired-certificate.ts';
import { describeHold } from '../../machines/hold.ts';
import type { OrderRequest } from '../../machines/order-limits.ts';
import { KubernetesError } from '../kubernetes/kubernetes-error.ts';
import { createLedger, type LedgerStore } from '../ledger-keeper.ts';
import type { DesiredStanding } from './conclusion.ts';
import { type Check, moment } from './explanation.ts';
import type { CommandSettings, SecretStanding } from './secret-standing.ts';

/**
 * Which limit of the CA keeps these certificates waiting, as the controller wrote it down: for where it cannot be asked itself.
 *
 * @param now milliseconds since the epoch
 * @returns nothing where no limit does
 * @throws KubernetesError when the API server cannot be asked
 */
export async function checkLimits(
  store: Pick<LedgerStore, 'read'>,
  config: CommandSettings,
  standings: readonly DesiredStanding[],
  now: number,
  signal: AbortSignal,
): Promise<Check[]> {
  if (standings.length === 0 || !config.directoryKnown) return [];
  const ledger = createLedger(config.rateLimits, config.directoryUrl);
  try {
    ledger.restore(await store.read(signal), now);
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.code !== 'Forbidden') throw error;
    const text = `What the CA's limits have left may not be read here (ConfigMaps of namespace ${config.namespace}).`;
    return [{ about: 'limits', result: 'unknown', text }];
  }
  return standings.flatMap(({ desired, standing }): Check[] => {
    const { secretName } = desired;
    const hold = ledger.hold(orderOf(desired, standing), now);
    if (hold === undefined) return [];
    const text = `Secret ${secretName}: ${describeHold(hold).message} It has room ${moment(hold.until, now)}.`;
    return [{ about: 'limits', result: 'note', text }];
  });
}

/** The order that the controller would ask for. Of a Secret that may not be read it counts as the first. */
function orderOf(desired: DesiredCertificate, standing: SecretStanding): OrderRequest {
  const due =
    standing.kind === 'read' && standing.assessment.kind === 'due' ? standing.assessment : undefined;
  return {
    identifiers: (due ?? desired).hosts.map(({ host }) => host),
    purpose: due === undefined ? 'first' : orderPurposes[due.reason],
    exemption: due?.exemption ?? 'none',
  };
}
