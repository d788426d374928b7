import { noZoneFor } from '../../../machines/ownership/challenge-choice.ts';
import type { ReasonCode } from '../../../machines/reasons/reasons.ts';
import { second } from '../../../machines/time/durations.ts';
import type { Zone, Zones } from '../../../machines/zones/zone.ts';
import { type ChallengeRecord, LookupError, type NameServers } from './lookup/name-servers.ts';
import { ProviderError } from './providers/provider.ts';
import type { Providers } from './providers/providers.ts';

/** Where a host's value goes, and by which entry of the zones document it gets there. */
export interface Placement {
  readonly zone: Zone;
  readonly record: ChallengeRecord;
  /** Values that the record holds; undefined: no limit. */
  readonly room: number | undefined;
}

/** A host cannot be proven by DNS-01 now; the message is a sentence. */
export class PlacementError extends Error {
  override readonly name = 'PlacementError';
  readonly code: Extract<ReasonCode, 'NoDnsZone' | 'DnsZoneNotFound' | 'DnsNotWritable'>;
  readonly remedy: string | undefined;

  constructor(code: PlacementError['code'], message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}

export interface ZonePlacementOptions {
  readonly zones: Zones;
  readonly names: Pick<NameServers, 'challengeRecord'>;
  readonly providers: Pick<Providers, 'of'>;
}

/** Milliseconds for all look-ups and the check of one host. */
const timeLimit = 90 * second;

/**
 * Finds the record of a host and shows that it can be written.
 * @throws PlacementError, KubernetesError, or the signal's reason
 */
export async function placeHost(
  { zones, names, providers }: ZonePlacementOptions,
  namespace: string,
  host: string,
  signal: AbortSignal,
): Promise<Placement> {
  const own = zones.usableBy(namespace, host);
  if (own === undefined) throw new PlacementError('NoDnsZone', noZoneFor(host, namespace));
  const limit = AbortSignal.timeout(timeLimit);
  const either = AbortSignal.any([signal, limit]);
  try {
    const record = await names.challengeRecord(host.replace(/^\*\./, ''), either);
    const zone = zoneOf(record, own, { zones, namespace, host });
    const provider = await providers.of(zone, either);
    await provider.check?.(record, either);
    return { zone, record, room: provider.room };
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) {
      const message = `The DNS records for the challenge of ${host} could not be looked up within ${timeLimit / second} s.`;
      throw new PlacementError('DnsZoneNotFound', message, undefined, { cause: error });
    }
    if (error instanceof LookupError) {
      throw new PlacementError('DnsZoneNotFound', `Host ${host}: ${error.message}`, undefined, {
        cause: error,
      });
    }
    if (error instanceof ProviderError) {
      const { message, remedy } = error;
      throw new PlacementError('DnsNotWritable', `Host ${host}: ${message}`, remedy, { cause: error });
    }
    throw error;
  }
}

/**
 * Where CNAMEs lead out of the host's own entry, that of their end is used; who may set CNAMEs must not write to a zone of others. An end
 * that no entry has is written to by the host's own provider: its credentials are for such a place.
 */
function zoneOf(
  { name, via }: ChallengeRecord,
  own: Zone,
  { zones, namespace, host }: { readonly zones: Zones; readonly namespace: string; readonly host: string },
): Zone {
  if (via.length === 0 || !zones.lists(name)) return own;
  const end = zones.usableBy(namespace, name);
  if (end !== undefined) return end;
  throw new PlacementError(
    'NoDnsZone',
    `CNAMEs of host ${host} lead to ${name}, in a DNS zone that namespace ${namespace} may not use.`,
  );
}
