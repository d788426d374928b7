import { type Alias, aliasesOf } from './aliases.ts';
import type { SourceRecord } from './claim.ts';
import { classNameOf, type SourceSpec } from './source-spec.ts';

/** The Ingresses that serve hosts by an alias: few have one. */
export class AliasIndex {
  /** By `NAMESPACE/ALIAS`: a host is looked up at each change of a rule, and another tenant may have any number of Ingresses. */
  readonly #records = new Map<string, Map<SourceRecord, Alias>>();

  /** Replaces the aliases of a source. */
  replace(record: SourceRecord, before: SourceSpec | undefined, now: SourceSpec | undefined): void {
    for (const [host] of aliasesOf(before)) {
      const key = aliasKey(record.source.namespace, host);
      const records = this.#records.get(key);
      records?.delete(record);
      if (records?.size === 0) this.#records.delete(key);
    }
    for (const [host, alias] of aliasesOf(now)) {
      const key = aliasKey(record.source.namespace, host);
      const records = this.#records.get(key) ?? new Map<SourceRecord, Alias>();
      this.#records.set(key, records.set(record, alias));
    }
  }

  /**
   * The rule whose alias this host is, by class; by Ingresses of this namespace only, as a controller without aliases ignores what
   * another tenant writes. Of several that of the lowest name: ingress-nginx sorts its servers by name, and nginx takes the first one
   * with an alias.
   */
  find(host: string, namespace: string, defaultClass: string | undefined): ReadonlyMap<string, Alias> {
    const found = new Map<string, Alias>();
    for (const [{ source }, alias] of this.#records.get(aliasKey(namespace, host)) ?? []) {
      const name = classNameOf(source.ingressClass, defaultClass);
      const known = found.get(name);
      if (known === undefined || alias.ruleHost < known.ruleHost) found.set(name, alias);
    }
    return found;
  }
}

function aliasKey(namespace: string, host: string): string {
  return `${namespace}/${host}`;
}
