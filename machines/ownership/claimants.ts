import type { Failure } from '../reasons/reasons.ts';
import { type SourceKey, sourceKey } from './source-key.ts';
import type { SourceSpec } from './source-spec.ts';

/** What one entry of `spec.tls` asks for: these hosts in this Secret. */
export interface Claim {
  readonly secretName: string;
  readonly hosts: readonly string[];
}

/** What a source asks for, and what is to be said of the rest of it. */
export interface Claims {
  readonly source: SourceSpec;
  readonly claims: readonly Claim[];
  readonly notices: readonly Failure[];
}

/**
 * The sources that claim one Secret or one host. They may be thousands, and the oldest is asked for by each of them: it is
 * kept, and looked for again only when it has gone.
 */
export class Claimants {
  readonly #byKey = new Map<SourceKey, Claims>();
  /** Undefined while it is not known. */
  #oldest: Claims | undefined;

  get size(): number {
    return this.#byKey.size;
  }

  get oldest(): Claims | undefined {
    this.#oldest ??= this.#findOldest();
    return this.#oldest;
  }

  /** The keys of the sources. */
  keys(): Iterable<SourceKey> {
    return this.#byKey.keys();
  }

  values(): Iterable<Claims> {
    return this.#byKey.values();
  }

  oldestFirst(): Claims[] {
    return [...this.#byKey.values()].toSorted(byAge);
  }

  add(claims: Claims): void {
    this.#byKey.set(sourceKey(claims.source), claims);
    if (this.#oldest !== undefined && byAge(claims, this.#oldest) < 0) this.#oldest = claims;
  }

  delete(key: SourceKey): void {
    if (this.#byKey.get(key) === this.#oldest) this.#oldest = undefined;
    this.#byKey.delete(key);
  }

  #findOldest(): Claims | undefined {
    let oldest: Claims | undefined;
    for (const claims of this.#byKey.values()) {
      if (oldest === undefined || byAge(claims, oldest) < 0) oldest = claims;
    }
    return oldest;
  }
}

/** The oldest first; the uid decides between two of the same second, so that every replica decides alike. */
function byAge({ source: one }: Claims, { source: other }: Claims): number {
  return one.createdAt - other.createdAt || (one.uid < other.uid ? -1 : 1);
}
