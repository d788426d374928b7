import { describeHold } from '../../machines/hold.ts';
import { KubernetesError } from '../kubernetes/kubernetes-error.ts';
import { createLedger, type LedgerStore } from '../ledger-keeper.ts';
import type { DesiredStanding } from './conclusion.ts';
import { type Check, moment } from './explanation.ts';
import type { CommandSettings } from './secret-standing.ts';

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
  return standings.flatMap(({ desired: { secretName, hosts } }): Check[] => {
    const identifiers = hosts.map(({ host }) => host);
    const hold = ledger.hold({ identifiers, purpose: 'first', exemption: 'none' }, now);
    if (hold === undefined) return [];
    const text = `Secret ${secretName}: ${describeHold(hold).message} It has room ${moment(hold.until, now)}.`;
    return [{ about: 'limits', result: 'note', text }];
  });
}
