import { arrayField, recordField } from '../../process/json.ts';

/** A solver of an ACME issuer of cert-manager, with its selector. */
export interface Solver {
  readonly type: 'http01' | 'dns01';
  readonly dnsNames: readonly string[];
  readonly dnsZones: readonly string[];
}

export function readSolver(value: unknown): Solver {
  const selector = recordField(value, 'selector');
  const names = (field: string): string[] =>
    arrayField(selector, field).filter((name) => typeof name === 'string');
  return {
    type: recordField(value, 'dns01') === undefined ? 'http01' : 'dns01',
    dnsNames: names('dnsNames'),
    dnsZones: names('dnsZones'),
  };
}

/**
 * How cert-manager proves the host: the solver that names it comes first, then the one with the longest zone. Selectors by label are not
 * looked at: of two that are equal otherwise, DNS-01 counts.
 *
 * @returns undefined if no solver is for it
 */
export function proofOf(host: string, solvers: readonly Solver[]): Solver['type'] | undefined {
  const ranked = solvers.flatMap(({ type, dnsNames, dnsZones }) => {
    const zones = dnsZones.filter((zone) => host === zone || host.endsWith(`.${zone}`));
    if (dnsNames.includes(host)) return [{ type, rank: Number.POSITIVE_INFINITY }];
    if (zones.length > 0) return [{ type, rank: Math.max(...zones.map((zone) => zone.length)) }];
    return dnsNames.length + dnsZones.length === 0 ? [{ type, rank: 0 }] : [];
  });
  const best = Math.max(...ranked.map(({ rank }) => rank));
  const first = ranked.filter(({ rank }) => rank === best);
  return first.find(({ type }) => type === 'dns01')?.type ?? first[0]?.type;
}
