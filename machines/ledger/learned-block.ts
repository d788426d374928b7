import type { LimitName } from './rate-limits.ts';

/** What a refusal of the CA is about, and nothing wider. */
export type BlockScope =
  | { readonly type: 'account' }
  | { readonly type: 'registered-domain'; readonly name: string }
  | { readonly type: 'identifiers'; readonly names: readonly string[] }
  /** Exactly the identifiers of the order; also what is assumed of a refusal whose words are not known. */
  | { readonly type: 'order' };

/** What the CA says when it refuses an order because of a limit. */
export interface LearnedBlock {
  /** `paused`: until a person lifts it, or a daily look finds it lifted. `blocked`: by a limit that is not known. */
  readonly cause: LimitName | 'blocked' | 'paused';
  readonly scope: BlockScope;
  /** Milliseconds from the answer on; undefined if the CA does not say. */
  readonly retryAfter: number | undefined;
}

/** The parts of an ACME problem (RFC 8555, section 6.7) that tell of a limit. */
export interface Refusal {
  /** Without its namespace. */
  readonly type: string;
  readonly detail: string;
  /** Milliseconds, from the header `Retry-After` or from the words. */
  readonly retryAfter: number | undefined;
}

const paused =
  /temporarily prevented from requesting certificates(?: for (.+?))?(?: and possibly others|\. |$)/is;

/** Boulder's words, and the anchors of the documentation that it points to, where words may change. */
const texts: readonly {
  readonly pattern: RegExp;
  readonly cause: LimitName | 'blocked';
  readonly scope: (name: string | undefined) => BlockScope;
}[] = [
  {
    pattern: /too many new orders|#new-orders-per-account/i,
    cause: 'orders-per-account',
    scope: () => ({ type: 'account' }),
  },
  {
    pattern: /too many new registrations|#new-registrations-per/i,
    cause: 'blocked',
    scope: () => ({ type: 'account' }),
  },
  {
    pattern: /too many certificates [^"]*exact set|#new-certificates-per-exact-set/i,
    cause: 'certificates-per-exact-set',
    scope: () => ({ type: 'order' }),
  },
  {
    pattern: /too many certificates [^"]*for "([^"]{1,253})"|#new-certificates-per-registered-domain/i,
    cause: 'certificates-per-registered-domain',
    scope: (name) => (name === undefined ? { type: 'order' } : { type: 'registered-domain', name }),
  },
  {
    pattern: /too many failed authorizations [^"]*for "([^"]{1,253})"|#authorization-failures-per/i,
    cause: 'authorization-failures',
    scope: (name) => (name === undefined ? { type: 'order' } : { type: 'identifiers', names: [name] }),
  },
];

/**
 * What a refusal teaches: whose orders wait, and how long. Words that are not known hold up the refused order alone.
 *
 * @returns undefined if it is not about a limit: another problem, or a CA that is only busy (see breaker.ts)
 */
export function readBlock(refusal: Refusal): LearnedBlock | undefined {
  const { detail, retryAfter } = refusal;
  const pause = paused.exec(detail);
  if (pause !== null) {
    const names = (pause[1] ?? '')
      .split(/,\s*|\s+and\s+|\s+/)
      .map((name) => name.replace(/^["']|["']$/g, ''));
    return { cause: 'paused', scope: { type: 'identifiers', names: names.filter(Boolean) }, retryAfter };
  }
  if (refusal.type !== 'rateLimited' || /service busy/i.test(detail)) return undefined;
  for (const { pattern, cause, scope } of texts) {
    const match = pattern.exec(detail);
    if (match !== null) return { cause, scope: scope(match[1]?.toLowerCase()), retryAfter };
  }
  return { cause: 'blocked', scope: { type: 'order' }, retryAfter };
}
