import type { Failure } from '../reasons/reasons.ts';
import { type SourceKey, sourceKey } from './source-key.ts';
import type { SourceSpec } from './source-spec.ts';

/** One valid entry of `spec.tls`. */
export interface Claim {
  readonly secretName: string;
  readonly hosts: readonly string[];
}

/** The claims of a source, and notices about what was not accepted. */
export interface Claims {
  readonly source: SourceSpec;
  readonly claims: readonly Claim[];
  readonly notices: readonly Failure[];
}

/**
 * The sources that claim one Secret or one host. There may be thousands, and each of them needs the oldest: it is cached, and
 * searched again only after its removal.
 */
export class Claimants {
  readonly #byKey = new Map<SourceKey, Claims>();
  /** Cached; undefined if not known. */
  #oldest: Claims | undefined;

  get size(): number {
    return this.#byKey.size;
  }

  get oldest(): Claims | undefined {
    this.#oldest ??= this.#findOldest();
    return this.#oldest;
  }

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

/** Oldest first. The uid breaks a tie (timestamps are whole seconds), so that all replicas agree. */
function byAge({ source: one }: Claims, { source: other }: Claims): number {
  return one.createdAt - other.createdAt || (one.uid < other.uid ? -1 : 1);
}
