import type { Failure } from '../reasons/reasons.ts';
import type { RecordedFailure } from '../reasons/status-text.ts';
import { byAge, insertSorted, type SourceRecord } from './claim.ts';
import { mostClasses } from './classes/serving-classes.ts';
import type { DesiredCertificate, HostRoute } from './desired-certificate.ts';
import { isEqual } from './equality.ts';
import { sourceKey } from './source-key.ts';
import { hasRefusedSetting, type WantedSecret } from './source-reading.ts';
import type { IngressClassReference } from './source-spec.ts';

/** A source that names a Secret. */
interface Member {
  readonly record: SourceRecord;
  readonly wanted: WantedSecret;
}

/** How the certificate of a Secret fares; `failure` is undefined if it is good. */
export interface SecretOutcome {
  readonly secretName: string;
  readonly failure: Failure | undefined;
}

/** What an earlier process has said of a source. Anyone who may write the source may have written it. */
export interface SourceHistory {
  /** Of the Secrets that it owned, by name: those that are known, see `SecretOutcome`. */
  readonly outcomes: ReadonlyMap<string, RecordedFailure | undefined>;
  /** About the source itself; few. */
  readonly notices: readonly RecordedFailure[];
}

/** How the sources that ask for a host are reached. */
export type Ways = Pick<HostRoute, 'ingressClasses' | 'gateways'>;

/** Gateways and ListenerSets of one host in one Secret: a challenge route may be written for each. */
export const mostGateways = 8;

/** The hosts of all sources of a Secret. */
interface Merger {
  /** Of the certificate: each with the ways to the sources that ask for it, those of the oldest source first. */
  readonly kept: ReadonlyMap<string, Ways>;
  /** Hosts that do not fit into the certificate, or may only keep one that they have. */
  readonly refused: ReadonlySet<string>;
  /** Those of them that keep what covers them now: nothing is wrong with them but a setting. */
  readonly keeps: ReadonlyMap<string, Ways>;
}

const none: ReadonlySet<string> = new Set();

/** One Secret and the sources of its namespace that name it: the oldest owns it, and gets the hosts of all. */
export class SecretClaims {
  readonly namespace: string;
  readonly secretName: string;
  /** Oldest first. */
  #members: Member[] = [];
  /** As last merged. */
  owner: SourceRecord | undefined;
  refused: Merger['refused'] = none;
  /** Undefined if it has no hosts. */
  certificate: DesiredCertificate | undefined;
  /** Whether holders decide which hosts are kept. */
  dependsOnHolders = false;
  /** Why it has no new certificate, as its owner was told last. */
  trouble: Failure | undefined;

  constructor(namespace: string, secretName: string) {
    this.namespace = namespace;
    this.secretName = secretName;
  }

  /** Several people have named its hosts, see `TlsEntry`. */
  get isSeparable(): boolean {
    return this.#members.some(({ wanted }) => wanted.separable === true);
  }

  get isShared(): boolean {
    return this.#members.length > 1;
  }

  get records(): SourceRecord[] {
    return this.#members.map(({ record }) => record);
  }

  put(record: SourceRecord, wanted: WantedSecret): void {
    this.#members = insertSorted(this.#members, { record, wanted }, byAgeOfRecord);
  }

  remove(record: SourceRecord): void {
    const at = this.#members.findIndex((member) => member.record === record);
    if (at !== -1) this.#members.splice(at, 1);
  }

  /**
   * Merges the hosts. Beyond what a certificate can have, those that have one keep it; then the oldest source comes first. Of what is
   * shared (see `TlsEntry`), a namespace gets no more names than it leaves free, so that whoever comes after it finds room, and need
   * not take it from anybody.
   *
   * @param mostNames of a certificate
   * @param isHeld whether the namespace has been issued a certificate for the host
   */
  merge(mostNames: number, isHeld: (host: string) => boolean): Merger {
    const [oldest] = this.#members;
    // Its settings apply to the certificate.
    const unclear = oldest !== undefined && hasRefusedSetting(oldest.record.source);
    const all = new Map<string, Ways>();
    const eligible = new Set<string>();
    const keeping = new Set<string>();
    const shares = new Shares(this.#members.map(({ wanted }) => wanted));
    for (const { record, wanted } of this.#members) {
      const own = waysTo(record);
      for (const host of wanted.hosts) {
        all.set(host, joined(all.get(host), own));
        const isProvable = wanted.unprovable?.includes(host) !== true;
        if (!wanted.heldOnly && !unclear && isProvable) eligible.add(host);
        else if (unclear || hasRefusedSetting(record.source)) keeping.add(host);
      }
    }
    this.owner = oldest?.record;
    this.dependsOnHolders = all.size + shares.largest > mostNames || eligible.size < all.size;
    if (!this.dependsOnHolders) return { kept: all, refused: none, keeps: new Map() };
    const hosts = [...all.keys()];
    const chosen = new Set(hosts.filter(isHeld).slice(0, mostNames));
    for (const host of chosen) shares.take(host);
    for (const host of hosts) {
      if (chosen.size >= mostNames) break;
      if (chosen.has(host) || !eligible.has(host) || !shares.allow(host, mostNames - chosen.size)) continue;
      shares.take(host);
      chosen.add(host);
    }
    return {
      kept: new Map([...all].filter(([host]) => chosen.has(host))),
      refused: new Set(hosts.filter((host) => !chosen.has(host))),
      keeps: new Map(
        [...all].filter(([host]) => all.size <= mostNames && keeping.has(host) && !chosen.has(host)),
      ),
    };
  }
}

/** Which namespace has named a host of a shared certificate, and how many names each has. */
class Shares {
  readonly #namespaces = new Map<string, string>();
  readonly #own = new Set<string>();
  readonly #taken = new Map<string, number>();

  /** @param wanted of all sources: what one of them names itself is nobody's share */
  constructor(wanted: readonly WantedSecret[]) {
    if (wanted.every(({ shares }) => shares === undefined)) return;
    for (const { hosts, shares = [] } of wanted) {
      const shared = new Set(shares.flatMap((share) => share.hosts));
      for (const host of hosts) if (!shared.has(host)) this.#own.add(host);
      for (const { namespace, hosts: its } of shares) {
        for (const host of its) if (!this.#namespaces.has(host)) this.#namespaces.set(host, namespace);
      }
    }
  }

  /** Hosts of the namespace that has named most. */
  get largest(): number {
    const counts = new Map<string, number>();
    for (const namespace of this.#namespaces.values()) {
      counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
    }
    return Math.max(0, ...counts.values());
  }

  /** The first name of each is allowed while there is room. */
  allow(host: string, free: number): boolean {
    const namespace = this.#of(host);
    const taken = namespace === undefined ? 0 : (this.#taken.get(namespace) ?? 0);
    return taken === 0 || taken + 1 <= free - 1;
  }

  take(host: string): void {
    const namespace = this.#of(host);
    if (namespace !== undefined) this.#taken.set(namespace, (this.#taken.get(namespace) ?? 0) + 1);
  }

  #of(host: string): string | undefined {
    return this.#own.has(host) ? undefined : this.#namespaces.get(host);
  }
}

function waysTo({ source }: SourceRecord): Ways {
  return source.gateway === true
    ? { ingressClasses: [], gateways: [sourceKey(source)] }
    : waysThrough(source.ingressClass);
}

const waysByClass = new WeakMap<IngressClassReference, Ways>();

/** One object for all Ingresses of the class. */
function waysThrough(ingressClass: IngressClassReference): Ways {
  const known = waysByClass.get(ingressClass) ?? { ingressClasses: [ingressClass] };
  waysByClass.set(ingressClass, known);
  return known;
}

function joined(known: Ways | undefined, own: Ways): Ways {
  if (known === undefined) return own;
  const gateways = united(known.gateways, own.gateways, mostGateways);
  return {
    ingressClasses: united(known.ingressClasses, own.ingressClasses, mostClasses),
    ...(gateways.length === 0 ? {} : { gateways }),
  };
}

function united<T>(known: readonly T[] = [], own: readonly T[] = [], most: number): readonly T[] {
  const more = own.filter((one) => !known.some((other) => isEqual(other, one)));
  return more.length === 0 ? known : [...known, ...more].slice(0, most);
}

function byAgeOfRecord({ record: one }: Member, { record: other }: Member): number {
  return byAge(one.source, other.source);
}
