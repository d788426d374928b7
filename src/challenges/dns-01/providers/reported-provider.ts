import type { DnsOutcome, DnsReport } from '../../../../machines/zones/dns-report.ts';
import type { ProviderName } from '../../../../machines/zones/zone.ts';
import { type DnsProvider, ProviderError } from './provider.ts';

/** The same provider, of which every operation is reported, unless it was aborted. */
export function reported(
  name: ProviderName,
  provider: DnsProvider,
  report: (report: DnsReport) => void,
): DnsProvider {
  const around = async (
    operation: 'check' | 'add' | 'remove',
    work: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> => {
    const tell = (outcome: DnsOutcome): void =>
      report({ type: 'DNS_UPDATED', provider: name, operation, outcome });
    try {
      await work();
      tell('done');
    } catch (error) {
      if (!signal.aborted) tell(error instanceof ProviderError ? error.code : 'failed');
      throw error;
    }
  };
  return {
    ...(provider.room === undefined ? {} : { room: provider.room }),
    check: async (record, signal) => around('check', async () => provider.check?.(record, signal), signal),
    add: (value, signal) => around('add', () => provider.add(value, signal), signal),
    remove: (value, signal) => around('remove', () => provider.remove(value, signal), signal),
  };
}
