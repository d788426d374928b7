import type { ChallengeRule } from '../../../../machines/ownership/challenge-rules.ts';
import type { IngressClassReference } from '../../../../machines/ownership/source-spec.ts';
import { second } from '../../../../machines/time/durations.ts';
import { doubledPause } from '../../../../machines/time/ladder.ts';
import type { Ingress } from '../../../kubernetes/client/api-objects.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { ingresses } from '../../../kubernetes/client/collections.ts';
import { KubernetesError, unless } from '../../../kubernetes/client/kubernetes-error.ts';
import { fieldManager } from '../../../kubernetes/records/managed-by.ts';
import { isOlder } from '../../../kubernetes/watch/versions.ts';
import type { Clock } from '../../../time/clock.ts';
import { findRefusedHosts, isRefusal, isUnpermitted, refusalOf } from '../refused-hosts.ts';
import {
  type ChallengeTemplate,
  challengeManifest,
  type ObservedChallenge,
  observeChallenge,
  ruleHostOf,
  type Validated,
} from './challenge-manifest.ts';
import type { Place } from './challenge-placement.ts';
import { HeldRules } from './held-rules.ts';
import { RuleRepairs } from './rule-repairs.ts';

export interface ChallengeWriterOptions {
  readonly name: string;
  readonly template: ChallengeTemplate;
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds between two writes, because each may reload the ingress controller. */
  readonly minWriteInterval: number;
  /**
   * Milliseconds before a released host is removed, if no other write removes it earlier, and with the last one the Ingress: while
   * certificates are renewed one after the other, it is changed for each, not deleted and made again.
   */
  readonly removalDelay: number;
  /** Whether more hosts may be held in a moment: a write that is needed waits for them, so that they share it. */
  readonly isExpecting: () => boolean;
  /** Reads the object of this name; `mine` is undefined for a foreign one. */
  readonly find: (
    signal: AbortSignal,
  ) => Promise<{ readonly exists: boolean; readonly mine: ObservedChallenge | undefined }>;
  /** RFC 7638 thumbprint of the account key that the held hosts are validated for. */
  readonly thumbprint: () => string | undefined;
  /** This process has written this version. */
  readonly onWritten: (observed: ObservedChallenge) => void;
  readonly onDeleted: (uid: string) => void;
  /** The object in the API server has changed. */
  readonly onChange: () => void;
  /** The object has these no more: hosts that it led to the responder, and `host` of rules. */
  readonly onGone: (hosts: readonly string[], ruleHosts: readonly string[]) => void;
  readonly onRefused: (refusal: HostRefusal) => void;
  /** The rules of these hosts were written, and are not there: somebody has removed them. */
  readonly onRemoved: (hosts: readonly string[]) => void;
  /** A foreign object has this name: its hosts must be placed elsewhere. */
  readonly onForeign: () => void;
  /** Several writes failed for another reason than a refused host. */
  readonly onFailure: (cause: KubernetesError) => void;
  readonly onError: (error: unknown) => void;
}

export interface RefusedRule {
  readonly host: string;
  /** `host` of the rule: the host, a wildcard, or empty. */
  readonly ruleHost: string;
  readonly cause: Error;
}

export interface HostRefusal {
  readonly rules: readonly RefusedRule[];
  /** False if every host is refused and none is named: the object is refused as such, for example for want of a label. */
  readonly byHost: boolean;
}

interface Deleted {
  readonly uid: string;
  /** The last version before our delete, as a finalizer may delay it; undefined after the watch's DELETED. */
  readonly resourceVersion?: string;
}

/** Milliseconds that a write waits for hosts that are expected, from when it is needed. */
const longestGathering = second / 4;
const longestBackoff = 30 * second;
const failuresUntilReported = 4;

/**
 * Reconciles one challenge Ingress: compares the held hosts with the object whenever either changes, and writes the difference.
 * Level-triggered: a foreign edit or delete is repaired.
 */
export class ChallengeWriter implements Place {
  readonly name: string;
  readonly #options: ChallengeWriterOptions;
  readonly #held = new HeldRules();
  readonly #repairs: RuleRepairs;
  /** `host` of the rule by host, of an earlier process: the CA may be about to ask for them. They stay for the removal delay. */
  #inherited: ReadonlyMap<string, string> = new Map();
  #inheritedUntil = Number.NEGATIVE_INFINITY;
  /** Released hosts whose rule may do harm. */
  readonly #expelled = new Set<string>();
  #ingressClass: IngressClassReference | undefined;
  #known: ObservedChallenge | undefined;
  /** `host` of the rules that a write under way leaves in the object. */
  #kept: ReadonlySet<string> | undefined;
  /** Worked out when they are asked for: there may be thousands of rules to place. */
  #all: { readonly hosts: Set<string>; readonly ruleHosts: Set<string>; readonly known: unknown } | undefined;
  /** The last deleted object: late events of it are ignored. */
  #deleted: Deleted | undefined;
  /** The API server's result of our last write; webhooks and defaults may change it. */
  #written: string | undefined;
  #lastWriteAt = Number.NEGATIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;
  #removableSince: number | undefined;
  /** Since when a write is needed, in monotonic milliseconds. */
  #urgentSince: number | undefined;
  #failures = 0;
  #writing: Promise<void> | undefined;
  #timer: unknown;

  constructor(options: ChallengeWriterOptions) {
    this.name = options.name;
    this.#options = options;
    this.#repairs = new RuleRepairs(options.clock, options.minWriteInterval);
    options.signal.addEventListener('abort', () => this.#disarm(), { once: true });
  }

  /** The class of its hosts; undefined if it is empty and free for any class. */
  get ingressClass(): IngressClassReference | undefined {
    return this.#ingressClass;
  }

  /** Uid of the last known object. */
  get uid(): string | undefined {
    return this.#known?.uid;
  }

  get createdAt(): number | undefined {
    return this.#known?.createdAt;
  }

  /** Hosts that are held or still in the object. */
  get hosts(): ReadonlySet<string> {
    return this.#heldOrKnown().hosts;
  }

  /** Of the rules that are needed or still in the object. */
  get ruleHosts(): ReadonlySet<string> {
    return this.#heldOrKnown().ruleHosts;
  }

  /** There is nothing to do, and no object. */
  get isIdle(): boolean {
    return this.#held.rules.size === 0 && this.#known === undefined && this.#writing === undefined;
  }

  /** Whether the last known object lists this host. */
  lists(host: string): boolean {
    return this.#known?.hosts.has(host) === true;
  }

  /** Whether it also has the rule that this host is held with, and is to keep it, and the thumbprint that it is answered with. */
  serves(host: string): boolean {
    const ruleHost = this.#held.rules.get(host);
    if (ruleHost === undefined || !this.lists(host) || this.#kept?.has(ruleHost) === false) return false;
    const { ruleHosts, thumbprint } = this.#known ?? {};
    return ruleHosts?.has(ruleHost) === true && thumbprint === this.#options.thumbprint();
  }

  /** Whether the rule that this host is held with was written, and is not there. */
  misses(host: string): boolean {
    const ruleHost = this.#held.rules.get(host);
    if (ruleHost === undefined || this.serves(host)) return false;
    return this.#repairs.wasPlaced(host, ruleHost, this.#options.thumbprint());
  }

  /** Whether this host is held with this rule. */
  holds({ host, ruleHost }: ChallengeRule): boolean {
    return this.#held.rules.get(host) === ruleHost;
  }

  hold({ host, ruleHost, ingressClass }: ChallengeRule): void {
    if (this.#held.rules.get(host) === ruleHost) return;
    this.#ingressClass ??= ingressClass;
    if (this.#held.rules.has(host)) this.#all = undefined;
    this.#held.set(host, ruleHost);
    this.#all?.hosts.add(host);
    this.#all?.ruleHosts.add(ruleHost);
    this.#expelled.delete(host);
    this.#settle();
  }

  release(host: string): void {
    if (!this.#held.delete(host)) return;
    this.#all = undefined;
    this.#settle();
  }

  /** What it waits for may have changed. */
  reschedule(): void {
    this.#settle();
  }

  /** Removes this host, if it is not held, with the next possible write. */
  expel(host: string): void {
    if (this.#held.rules.has(host) || !this.lists(host)) return;
    this.#expelled.add(host);
    this.#settle();
  }

  /** A new state of the object, from the watch, a list or an answer; undefined if it is deleted. */
  observe(observed: ObservedChallenge | undefined): void {
    const known = this.#known;
    if (observed !== undefined && this.#isGone(observed)) return;
    if (observed !== undefined && known !== undefined) {
      if (observed.uid === known.uid && observed.resourceVersion === known.resourceVersion) return;
      if (isOlder(observed.resourceVersion, known.resourceVersion)) return;
    }
    const isFirst = known === undefined && this.#written === undefined && this.#deleted === undefined;
    if (isFirst && observed !== undefined) this.#inherit(observed);
    this.#learn(observed);
    if (observed !== undefined) this.#ingressClass ??= observed.ingressClass;
    this.#options.onChange();
    this.#settle();
  }

  /** The watch reports that this uid is deleted; older incarnations are ignored. */
  observeDeletion(uid: string): void {
    this.#deleted = { uid };
    if (this.#known !== undefined && this.#known.uid === uid) this.observe(undefined);
  }

  /** At the end, when no host is held: removes all rules at once, except those of hosts that orders still rely on. */
  async close(isNeeded: (host: string) => boolean, signal: AbortSignal): Promise<void> {
    await this.#writing;
    this.#disarm();
    const known = this.#known;
    if (known === undefined) return;
    const needed = [...known.hosts].filter(isNeeded);
    if (needed.length === 0) await this.#delete(known, signal);
    else if (needed.length < known.hosts.size)
      await this.#send(this.#validated(rulesOf(needed, known)), signal);
  }

  #heldOrKnown() {
    const known = this.#known;
    if (this.#all === undefined || this.#all.known !== known) {
      const hosts = new Set([...this.#held.rules.keys(), ...(known?.hosts ?? [])]);
      const ruleHosts = new Set([...this.#held.rules.values(), ...(known?.ruleHosts ?? [])]);
      this.#all = { hosts, ruleHosts, known };
    }
    return this.#all;
  }

  #settle(): void {
    const { clock, isExpecting, signal, minWriteInterval, removalDelay } = this.#options;
    if (this.#writing !== undefined) return;
    this.#disarm();
    const removable = this.#hasRemovable();
    this.#removableSince = removable ? (this.#removableSince ?? clock.monotonic()) : undefined;
    if (signal.aborted) return;
    if (this.#held.rules.size === 0 && this.#known === undefined) this.#ingressClass = undefined;
    if (!removable) this.#expelled.clear();
    const isUrgent = this.#isUrgent();
    this.#urgentSince = isUrgent ? (this.#urgentSince ?? clock.monotonic()) : undefined;
    if (!isUrgent && !removable) return;
    const removal = (this.#removableSince ?? clock.monotonic()) + removalDelay;
    const expels = this.#expelled.values().some((host) => this.lists(host));
    const due = isUrgent || expels ? clock.monotonic() : Math.max(removal, this.#inheritedUntil);
    const pause = isUrgent && this.#isRepair() ? this.#repairs.pause : minWriteInterval;
    const gathers = isExpecting() && !expels && !this.#hasMisspelt();
    const gathered = gathers && this.#urgentSince !== undefined ? this.#urgentSince + longestGathering : due;
    const at = Math.max(due, gathered, this.#lastWriteAt + pause, this.#notBefore);
    this.#timer = clock.setTimeout(() => {
      this.#writing = this.#write();
    }, at - clock.monotonic());
  }

  /** A rule is missing, or names a host that is served otherwise now, or the object differs from our last write. */
  #isUrgent(): boolean {
    if (this.#held.rules.size === 0) return false;
    if (this.#known === undefined || this.#known.fingerprint !== this.#written) return true;
    return this.#held.rules.keys().some((host) => !this.serves(host)) || this.#hasMisspelt();
  }

  /** A rule names a held host that is served otherwise now: it takes requests from the site. */
  #hasMisspelt(): boolean {
    const { ruleHosts } = this.#known ?? {};
    return this.#held.rules.keys().some((host) => ruleHosts?.has(host) === true && !this.#held.needs(host));
  }

  #hasRemovable(): boolean {
    if (this.#known === undefined) return false;
    const { hosts, ruleHosts } = this.#known;
    return (
      this.#held.rules.size === 0 ||
      hosts.values().some((host) => !this.#held.rules.has(host)) ||
      ruleHosts.values().some((ruleHost) => !this.#held.needs(ruleHost))
    );
  }

  async #write(): Promise<void> {
    const { signal } = this.#options;
    try {
      await this.#put(signal);
      this.#failures = 0;
    } catch (error) {
      if (!signal.aborted) await this.#recover(error).catch((second: unknown) => this.#postpone(second));
    }
    this.#writing = undefined;
    this.#kept = undefined;
    this.#options.onChange();
    this.#settle();
  }

  async #put(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const known = this.#known;
    this.#lastWriteAt = clock.monotonic();
    let deleted = false;
    try {
      if (this.#held.rules.size > 0) await this.#putRules(signal);
      else if (known !== undefined) {
        this.#kept = new Set();
        await this.#delete(known, signal);
        deleted = true;
      }
    } finally {
      // The deletion has waited long enough: who comes next need not wait for it.
      this.#lastWriteAt = deleted ? Number.NEGATIVE_INFINITY : clock.monotonic();
    }
  }

  async #putRules(signal: AbortSignal): Promise<void> {
    const removed = [...this.#held.rules.keys()].filter((host) => this.misses(host));
    if (this.#isUrgent() && this.#isRepair()) this.#repairs.begin();
    if (removed.length > 0) this.#options.onRemoved(removed);
    const validated = this.#validated(new Map(this.#heldAndInherited()));
    this.#kept = new Set(validated.rules.values());
    const answer = await this.#send(validated, signal);
    this.#repairs.placed(validated);
    this.#accept(answer);
  }

  #validated(rules: Validated['rules']): Validated {
    return { rules, thumbprint: this.#options.thumbprint() };
  }

  #isRepair(): boolean {
    return this.#repairs.isRepair(this.#validated(this.#held.rules));
  }

  #inherit(observed: ObservedChallenge): void {
    const { clock, removalDelay } = this.#options;
    this.#inherited = rulesOf(observed.hosts, observed);
    this.#inheritedUntil = clock.monotonic() + removalDelay;
  }

  #heldAndInherited(): ReadonlyMap<string, string> {
    if (this.#options.clock.monotonic() >= this.#inheritedUntil) this.#inherited = new Map();
    return this.#inherited.size === 0 ? this.#held.rules : new Map([...this.#inherited, ...this.#held.rules]);
  }

  #accept(answer: Ingress): void {
    const observed = observeChallenge(answer, this.#options.template);
    this.#written = observed.fingerprint;
    // The watch may have reported a later version before this answer arrived.
    this.observe(observed);
    if (this.#known === observed) this.#options.onWritten(observed);
  }

  #learn(observed: ObservedChallenge | undefined): void {
    const { hosts = [], ruleHosts = [] } = this.#known ?? {};
    this.#known = observed;
    this.#options.onGone(
      [...hosts].filter((host) => observed?.hosts.has(host) !== true),
      [...ruleHosts].filter((ruleHost) => observed?.ruleHosts.has(ruleHost) !== true),
    );
  }

  #isGone({ uid, resourceVersion }: ObservedChallenge): boolean {
    const deleted = this.#deleted;
    if (deleted === undefined || deleted.uid !== uid) return false;
    return deleted.resourceVersion === undefined || !isOlder(deleted.resourceVersion, resourceVersion);
  }

  #send(validated: Validated, signal: AbortSignal, dryRun?: boolean): Promise<Ingress> {
    const { template, client, name } = this.#options;
    const ingressClass = this.#ingressClass ?? { form: 'none' };
    const body = challengeManifest(template, name, ingressClass, validated, this.#known);
    const { namespace } = template;
    const options = { fieldManager, dryRun, whole: true } as const;
    return client.call(signal, (api) =>
      this.#known === undefined
        ? api.create(ingresses, namespace, body, options)
        : api.replace(ingresses, { namespace, name }, body, options),
    );
  }

  async #delete(known: ObservedChallenge, signal: AbortSignal): Promise<void> {
    const { template, client, name } = this.#options;
    const preconditions = { uid: known.uid, resourceVersion: known.resourceVersion };
    await unless('NotFound', () =>
      client.call(signal, (api) =>
        api.delete(ingresses, { namespace: template.namespace, name }, preconditions),
      ),
    );
    this.#deleted = preconditions;
    this.#learn(undefined);
    this.#repairs.removed();
    this.#options.onDeleted(known.uid);
  }

  async #recover(error: unknown): Promise<void> {
    if (!(error instanceof KubernetesError)) throw error;
    if (isRefusal(error) && this.#held.rules.size > 0) {
      await this.#refuse(error);
    } else if (['Conflict', 'AlreadyExists', 'NotFound'].includes(error.code)) {
      const { exists, mine } = await this.#options.find(this.#options.signal);
      // What is read now is there, whatever has been told of its deletion.
      if (mine !== undefined && mine.uid === this.#deleted?.uid) this.#deleted = undefined;
      this.#learn(mine);
      if (exists && mine === undefined) this.#options.onForeign();
      else this.#postpone(error);
    } else {
      this.#postpone(error);
    }
  }

  async #refuse(refusal: KubernetesError): Promise<void> {
    if (this.#inherited.size > 0) {
      // They may be what is refused, and nobody here waits for them.
      this.#inherited = new Map();
      this.#lastWriteAt = Number.NEGATIVE_INFINITY;
      return;
    }
    const held = new Map(this.#held.rules);
    const ruleHosts = [...new Set(held.values())].toSorted();
    const tryOut = (subset: readonly string[]): Promise<Error | undefined> => {
      const rules = new Map([...held].filter(([, ruleHost]) => subset.includes(ruleHost)));
      return refusalOf(this.#send(this.#validated(rules), this.#options.signal, true));
    };
    const refused = isUnpermitted(refusal)
      ? new Map(ruleHosts.map((ruleHost) => [ruleHost, refusal]))
      : await findRefusedHosts(ruleHosts, refusal, tryOut);
    // Nothing was written: the other hosts need not wait.
    this.#lastWriteAt = Number.NEGATIVE_INFINITY;
    const rules = [...held].flatMap(([host, ruleHost]): RefusedRule[] => {
      const cause = refused.get(ruleHost);
      return cause === undefined || this.#held.rules.get(host) !== ruleHost
        ? []
        : [{ host, ruleHost, cause }];
    });
    for (const { host } of rules) this.#held.delete(host);
    this.#all = undefined;
    const isNamed = rules.some(({ ruleHost, cause }) => ruleHost !== '' && cause.message.includes(ruleHost));
    this.#options.onRefused({ rules, byHost: isNamed || refused.size < ruleHosts.length });
  }

  #postpone(error: unknown): void {
    const { clock, minWriteInterval, onError, onFailure } = this.#options;
    this.#failures++;
    const known = error instanceof KubernetesError ? error : undefined;
    const backoff = doubledPause(minWriteInterval, longestBackoff, this.#failures);
    this.#notBefore = clock.monotonic() + Math.max(backoff, known?.retryAfter ?? 0);
    onError(error);
    if (known !== undefined && this.#failures % failuresUntilReported === 0) onFailure(known);
  }

  #disarm(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** `host` of the rule by host, as an object has them. */
function rulesOf(
  hosts: Iterable<string>,
  { ruleHosts }: Pick<ObservedChallenge, 'ruleHosts'>,
): ReadonlyMap<string, string> {
  return new Map(Array.from(hosts, (host) => [host, ruleHostOf(host, ruleHosts) ?? host]));
}
