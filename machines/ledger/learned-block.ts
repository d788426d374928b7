import type { LimitName } from './rate-limits.ts';

/** The narrowest scope of a refusal. */
export type BlockScope =
  | { readonly type: 'account' }
  | { readonly type: 'registered-domain'; readonly name: string }
  | { readonly type: 'identifiers'; readonly names: readonly string[] }
  /** Exactly the identifiers of the order; also assumed for an unknown message. */
  | { readonly type: 'order' };

/** A refusal of an order because of a limit. */
export interface LearnedBlock {
  /** `paused`: until the user lifts it, or a daily attempt succeeds. `blocked`: by an unknown limit. */
  readonly cause: LimitName | 'blocked' | 'paused';
  readonly scope: BlockScope;
  /** Milliseconds from the response; undefined if not given by the CA. */
  readonly retryAfter: number | undefined;
}

/** The parts of an ACME problem document (RFC 8555, section 6.7) that describe a limit. */
export interface Refusal {
  /** Without the URN prefix. */
  readonly type: string;
  readonly detail: string;
  /** Milliseconds, from the header `Retry-After` or from the text. */
  readonly retryAfter: number | undefined;
}

const paused =
  /temporarily prevented from requesting certificates(?: for (.+?))?(?: and possibly others|\. |$)/is;

/** Boulder's messages, or the anchors of the documentation that they link, in case the text changes. */
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
    pattern: /too many certificates [^"]{0,300}exact set|#new-certificates-per-exact-set/i,
    cause: 'certificates-per-exact-set',
    scope: () => ({ type: 'order' }),
  },
  {
    pattern: /too many certificates [^"]{0,300}for "([^"]{1,253})"|#new-certificates-per-registered-domain/i,
    cause: 'certificates-per-registered-domain',
    scope: (name) => (name === undefined ? { type: 'order' } : { type: 'registered-domain', name }),
  },
  {
    pattern: /too many failed authorizations [^"]{0,300}for "([^"]{1,253})"|#authorization-failures-per/i,
    cause: 'authorization-failures',
    scope: (name) => (name === undefined ? { type: 'order' } : { type: 'identifiers', names: [name] }),
  },
];

/**
 * Parses a refusal: which orders wait, and how long. An unknown message holds only the refused order.
 *
 * @returns undefined if it is not about a limit: another problem, or a busy CA (see breaker.ts)
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
