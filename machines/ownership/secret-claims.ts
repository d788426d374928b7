import { byAge, insertSorted, type SourceRecord } from './claim.ts';
import type { DesiredCertificate } from './desired-certificate.ts';
import { hasRefusedSetting, type WantedSecret } from './source-reading.ts';

/** A source that names a Secret. */
interface Member {
  readonly record: SourceRecord;
  readonly wanted: WantedSecret;
}

/** The hosts of all sources of a Secret. */
interface Merger {
  /** Of the certificate: each with the source that asks for it, those of the oldest source first. */
  readonly kept: ReadonlyMap<string, SourceRecord>;
  /** Hosts that do not fit into the certificate, or may only keep one that they have. */
  readonly refused: ReadonlySet<string>;
}

const none: ReadonlySet<string> = new Set();

/** One Secret and the sources of its namespace that name it: the oldest owns it, and gets the hosts of all. */
export class SecretClaims {
  readonly namespace: string;
  readonly secretName: string;
  /** Oldest first. */
  readonly #members: Member[] = [];
  /** As last merged. */
  owner: SourceRecord | undefined;
  refused: Merger['refused'] = none;
  /** Undefined if it has no hosts. */
  certificate: DesiredCertificate | undefined;
  /** Whether holders decide which hosts are kept. */
  dependsOnHolders = false;

  constructor(namespace: string, secretName: string) {
    this.namespace = namespace;
    this.secretName = secretName;
  }

  /** Of the certificate and refused ones. */
  get hosts(): Set<string> {
    return new Set([...(this.certificate?.hosts ?? []).map(({ host }) => host), ...this.refused]);
  }

  get records(): SourceRecord[] {
    return this.#members.map(({ record }) => record);
  }

  put(record: SourceRecord, wanted: WantedSecret): void {
    insertSorted(this.#members, { record, wanted }, byAgeOfRecord);
  }

  remove(record: SourceRecord): void {
    const at = this.#members.findIndex((member) => member.record === record);
    if (at !== -1) this.#members.splice(at, 1);
  }

  /**
   * Merges the hosts. Beyond what a certificate can have, those that have one keep it; then the oldest source comes first.
   *
   * @param mostNames of a certificate
   * @param isHeld whether the namespace has been issued a certificate for the host
   */
  merge(mostNames: number, isHeld: (host: string) => boolean): Merger {
    const [oldest] = this.#members;
    // Its settings apply to the certificate.
    const unclear = oldest !== undefined && hasRefusedSetting(oldest.record.source);
    const all = new Map<string, SourceRecord>();
    const eligible = new Set<string>();
    for (const { record, wanted } of this.#members) {
      for (const host of wanted.hosts) {
        if (!all.has(host)) all.set(host, record);
        if (!wanted.heldOnly && !unclear) eligible.add(host);
      }
    }
    this.owner = oldest?.record;
    this.dependsOnHolders = all.size > mostNames || eligible.size < all.size;
    if (!this.dependsOnHolders) return { kept: all, refused: none };
    const hosts = [...all.keys()];
    const held = hosts.filter(isHeld);
    const others = hosts.filter((host) => eligible.has(host) && !isHeld(host));
    const chosen = new Set([...held, ...others].slice(0, mostNames));
    return {
      kept: new Map([...all].filter(([host]) => chosen.has(host))),
      refused: new Set(hosts.filter((host) => !chosen.has(host))),
    };
  }
}

function byAgeOfRecord({ record: one }: Member, { record: other }: Member): number {
  return byAge(one.source, other.source);
}
