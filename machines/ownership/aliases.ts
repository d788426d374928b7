// Hosts that an ingress controller serves as those of a rule, without a rule of their own. They are claims like its rules (claim.ts), and
// decide how challenge rules are spelt (challenge-rules.ts).

import type { SourceSpec } from './source-spec.ts';

/** The rule whose alias a host is. */
export interface Alias {
  readonly ruleHost: string;
  /** Requests for the alias are redirected to the host of the rule. */
  readonly redirects: boolean;
}

const none: ReadonlyMap<string, Alias> = new Map();

/** By host. */
export function aliasesOf(
  source: Pick<SourceSpec, 'aliases' | 'redirectsWww' | 'ruleHosts'> | undefined,
): ReadonlyMap<string, Alias> {
  const { aliases = [], redirectsWww = false, ruleHosts = [] } = source ?? {};
  if (aliases.length === 0 && !redirectsWww) return none;
  const all = new Map<string, Alias>();
  if (redirectsWww) {
    for (const ruleHost of ruleHosts) {
      if (!ruleHost.startsWith('*.')) all.set(wwwOf(ruleHost), { ruleHost, redirects: true });
    }
  }
  const ruleHost = lowest(ruleHosts);
  if (ruleHost !== undefined) for (const alias of aliases) all.set(alias, { ruleHost, redirects: false });
  return all;
}

/** `www.shop.example` of `shop.example`, and the other way round. */
function wwwOf(host: string): string {
  return host.startsWith('www.') ? host.slice('www.'.length) : `www.${host}`;
}

function lowest(names: readonly string[]): string | undefined {
  return names.reduce<string | undefined>(
    (low, name) => (low === undefined || name < low ? name : low),
    undefined,
  );
}
