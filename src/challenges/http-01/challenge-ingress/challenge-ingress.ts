// The challenge Ingresses as the process that leads writes them: which host is in which object, and who holds it. Used by the HTTP-01
// solver.

import type { ChallengeRule } from '../../../../machines/ownership/challenge-rules.ts';
import { isEqual } from '../../../../machines/ownership/equality.ts';
import { someOf } from '../../../../machines/reasons/foreign-text.ts';
import { sentences } from '../../../../machines/reasons/sentences.ts';
import { minute, second } from '../../../../machines/time/durations.ts';
import { latest } from '../../../../machines/time/latest.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { KubernetesError } from '../../../kubernetes/client/kubernetes-error.ts';
import type { Clock } from '../../../time/clock.ts';
import { retry } from '../../../time/retry.ts';
import { mostHosts } from '../validated-hosts.ts';
import type { ChallengeTemplate, ObservedChallenge } from './challenge-manifest.ts';
import { placeRule } from './challenge-placement.ts';
import type { ChallengeWatch } from './challenge-watch.ts';
import { ChallengeWriter, type RefusedRule } from './challenge-writer.ts';
import { GoneNames } from './gone-names.ts';
import { RuleNotServedError } from './rule-not-served.ts';

export interface ChallengeIngressOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly clock: Clock;
  /** Ends everything; the objects stay, for the next process to adopt or remove. */
  readonly signal: AbortSignal;
  readonly watch: ChallengeWatch;
  readonly template: ChallengeTemplate;
  /** RFC 7638 thumbprint of the account key that hosts are validated for, base64url; known before the first one is acquired. */
  readonly thumbprint: () => string | undefined;
  /** Default `kube-lego`; further classes get `kube-lego-CLASS`. */
  readonly ingressName?: string;
  /** Milliseconds between two writes of one Ingress, default 1,000. */
  readonly minWriteInterval?: number;
  /** Milliseconds before a released host is removed, if no other write removes it earlier, default 10,000. */
  readonly removalDelay?: number;
  /** Rules per Ingress, default 250. */
  readonly maxRules?: number;
  /** Names of the leftover Ingress of the kube-lego of 2016 (`LEGO_INGRESS_NAME_NGINX`), default `kube-lego-nginx`. */
  readonly leftoverNames?: readonly string[];
  /** Errors that are retried. */
  readonly onError?: (error: unknown) => void;
}

/** What is refused: a clause after "The challenge Ingress". */
function refusalOf(rules: readonly RefusedRule[]): string {
  const [first, second] = rules;
  if (first === undefined) return 'is refused';
  if (second !== undefined) return `may not carry the rules for ${someOf(rules.map(({ host }) => host))}`;
  const { host, ruleHost } = first;
  const own = ruleHost === '' ? 'without host' : `for ${ruleHost}`;
  const why = ruleHost === host ? '' : `, by which ${host} is served`;
  return `may not carry a rule ${own}${why}`;
}

/** The API server, a policy or a webhook refuses a challenge Ingress: as such, or with these hosts. */
export class RuleRefusedError extends Error {
  override readonly name = 'RuleRefusedError';
  readonly code = 'RuleRefused';
  /** Empty if no host is to blame. */
  readonly hosts: readonly string[];

  constructor(rules: readonly RefusedRule[], cause: Error) {
    const words = cause instanceof KubernetesError ? cause.words : cause.message;
    super(sentences(`The challenge Ingress ${refusalOf(rules)}: ${words}`), { cause });
    this.hosts = rules.map(({ host }) => host);
  }
}

/** Milliseconds: in a rush a rule waits for a few writes, of which there is one a second. */
const longestAcquisition = minute;
/** Once may be a person who tidies up. */
const removalsUntilTold = 2;

/** From then on those without object are forgotten: each class of a site gets one. */
const mostWriters = 100;

interface Held {
  readonly rule: ChallengeRule;
  readonly writer: ChallengeWriter;
}

/** Whether it is held as this rule is spelt. */
function stands({ rule, writer }: Held, { host, ruleHost, ingressClass }: ChallengeRule): boolean {
  const isSame = rule.host === host && rule.ruleHost === ruleHost;
  return isSame && isEqual(rule.ingressClass, ingressClass) && writer.holds(rule);
}

/** Why a claim was not fulfilled. */
function notServed({ held }: Claim): RuleNotServedError {
  const missing = held.filter(({ rule, writer }) => !writer.serves(rule.host));
  const removed = missing.filter(({ rule, writer }) => writer.misses(rule.host));
  const hosts = (removed.length > 0 ? removed : missing).map(({ rule }) => rule.host);
  return new RuleNotServedError(removed.length > 0 ? 'removed' : 'not-written', [...new Set(hosts)]);
}

interface Claim {
  readonly owner: string;
  /** The rules that it needs now. */
  readonly wanted: () => readonly ChallengeRule[];
  held: Held[];
  settled: boolean;
  /** How often its rules were written and found removed, by host. */
  readonly removals: Map<string, number>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The Ingresses that route `/.well-known/acme-challenge/` of the hosts being validated to our responder.
 * Needs the verbs create, update and delete on Ingresses in its namespace, besides those of their watch.
 *
 * @example
 * const nginx = { form: 'field', name: 'nginx' };
 * await challenges.acquire('web', () => [{ host: 'shop.example', ruleHost: '*.example', ingressClass: nginx }], signal);
 * // … the CA asks …
 * challenges.release('web');
 */
export class ChallengeIngresses {
  readonly #options: ChallengeIngressOptions;
  readonly #writers = new Map<string, ChallengeWriter>();
  readonly #claims = new Map<string, Claim>();
  /** By host: the claims that hold it, and maybe some that did. */
  readonly #holders = new Map<string, Set<Claim>>();
  /** Claims that were released, until their hosts are removed. */
  readonly #released = new Set<Claim>();
  readonly #foreignNames = new Set<string>();
  readonly #goneHosts = new GoneNames();
  /** `host` of rules. */
  readonly #goneRuleHosts = new GoneNames();
  /** Owners that are about to acquire rules. */
  #expected = 0;
  #removingLeftovers = false;

  constructor(options: ChallengeIngressOptions) {
    this.#options = options;
  }

  /**
   * Starts the reconciliation. Hosts of an earlier process are removed after `removalDelay`, unless they are acquired before; so is the
   * Ingress of the kube-lego of 2016.
   */
  start(): void {
    const { signal, watch } = this.#options;
    const observer = {
      observe: (observed: ObservedChallenge) => this.#observe(observed),
      observeDeletion: ({ name, uid }: Pick<ObservedChallenge, 'name' | 'uid'>) =>
        this.#writers.get(name)?.observeDeletion(uid),
      onSynced: () => this.#removeLeftovers(),
    };
    watch.follow(observer, signal);
  }

  /** Somebody will acquire rules when this is done, unless it fails: until then a write that is needed waits, a moment at most. */
  expect(proofs: Promise<unknown>): void {
    this.#expected += 1;
    const end = (): void => {
      this.#expected -= 1;
      if (this.#expected === 0) for (const writer of this.#writers.values()) writer.reschedule();
    };
    proofs.then(end, end);
  }

  /**
   * Resolves when the API server has each of these rules; the owner then holds their hosts, in place of its earlier ones, until
   * `release`. A host with several owners stays until the last of them releases it.
   * @param owner any id of the owner, e.g. namespace/secret
   * @param wanted the rules as of now; asked again by `follow`
   * @throws RuleRefusedError if one of these hosts is refused; KubernetesError if writing fails repeatedly; RuleNotServedError if
   *   the API server does not have them after a minute; the signal's reason. The owner then holds nothing.
   */
  acquire(owner: string, wanted: () => readonly ChallengeRule[], signal: AbortSignal): Promise<void> {
    const former = this.#claims.get(owner);
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => this.#fail(claim, signal.reason);
      const { clock } = this.#options;
      const timer = clock.setTimeout(() => this.#fail(claim, notServed(claim)), longestAcquisition);
      const done = (): void => {
        clock.clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const claim: Claim = {
        owner,
        wanted,
        held: [],
        settled: false,
        removals: new Map(),
        resolve: () => {
          done();
          resolve();
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#claims.set(owner, claim);
      for (const rule of wanted()) this.#place(claim, rule);
      if (former !== undefined) this.#drop(former, new Error(`${owner} acquired again`));
      this.#settleClaims();
    });
  }

  /** Releases all hosts of this owner; the rules are removed by the next write, or after `removalDelay`. */
  release(owner: string): void {
    const claim = this.#claims.get(owner);
    if (claim === undefined) return;
    this.#claims.delete(owner);
    this.#drop(claim, new Error(`${owner} released its hosts`));
    if (isListed(claim)) this.#released.add(claim);
  }

  /** Hosts of this owner whose rules somebody removes again and again. */
  removedFrom(owner: string): string[] {
    const removals = this.#claims.get(owner)?.removals ?? new Map<string, number>();
    return [...removals].flatMap(([host, times]) => (times >= removalsUntilTold ? [host] : []));
  }

  /**
   * When one of this owner's hosts, or a rule as it needs it, was last seen to be gone: an ingress controller may not have heard of that
   * yet. In monotonic milliseconds; undefined if not within the last ten minutes.
   */
  goneAt(owner: string): number | undefined {
    const held = this.#claims.get(owner)?.held ?? [];
    return latest(
      held.flatMap(({ rule }) => [this.#goneHosts.get(rule.host), this.#goneRuleHosts.get(rule.ruleHost)]),
    );
  }

  /** Whether there is a rule that sites could change for. */
  get standing(): boolean {
    return this.#claims.size + this.#released.size > 0;
  }

  /**
   * The rules that are wanted may have changed. One that stands stays where it is, although a site has become younger: ingress-nginx
   * refuses a second one with the same host and path.
   *
   * @returns the owners of those that have changed
   */
  follow(): string[] {
    const changed: string[] = [];
    for (const claim of this.#claims.values()) {
      const former = claim.held;
      const wanted = claim.wanted();
      const kept = wanted.map((rule) => former.find((held) => stands(held, rule)));
      if (wanted.length === former.length && kept.every((held) => held !== undefined)) continue;
      changed.push(claim.owner);
      claim.held = [];
      for (const [index, rule] of wanted.entries()) {
        const held = kept[index];
        if (held === undefined) this.#place(claim, rule);
        else claim.held.push(held);
      }
      for (const one of former) this.#letGo(one);
    }
    for (const claim of this.#released) this.#expelMisspelt(claim);
    this.#settleClaims();
    return changed;
  }

  /**
   * Removes all rules at once, at the end; call it before the signal of the options is aborted.
   * @param isNeeded whether an order that has not ended still relies on the rule for this host: it stays for the next process
   */
  async close(isNeeded: (host: string) => boolean, signal: AbortSignal): Promise<void> {
    for (const owner of this.#claims.keys()) this.release(owner);
    await Promise.all(this.#writers.values().map((writer) => writer.close(isNeeded, signal)));
  }

  #place(claim: Claim, rule: ChallengeRule): void {
    const { ingressName: baseName = 'kube-lego', maxRules = 250 } = this.#options;
    const placement = { baseName, maxRules, maxHosts: mostHosts, foreignNames: this.#foreignNames };
    const writer = this.#writer(placeRule(this.#writers.values(), rule, placement));
    claim.held.push({ rule, writer });
    const holders = this.#holders.get(rule.host) ?? new Set();
    this.#holders.set(rule.host, holders.add(claim));
    writer.hold(rule);
  }

  #drop(claim: Claim, reason: Error): void {
    if (!claim.settled) {
      claim.settled = true;
      claim.reject(reason);
    }
    for (const held of claim.held) this.#letGo(held);
  }

  /** Unless a claim holds the host there. In a burst there are hundreds of claims: only those with this host are looked at. */
  #letGo({ rule: { host }, writer }: Held): void {
    let isHeld = false;
    const holders = this.#holders.get(host) ?? new Set();
    for (const claim of holders) {
      const isCurrent = this.#claims.get(claim.owner) === claim;
      const held = isCurrent ? claim.held.filter(({ rule }) => rule.host === host) : [];
      if (held.length === 0) holders.delete(claim);
      isHeld ||= held.some((one) => one.writer === writer);
    }
    if (holders.size === 0) this.#holders.delete(host);
    if (!isHeld) writer.release(host);
  }

  /** A rule that still stands for a released host is removed at once when it is not spelt as the site's own any more. */
  #expelMisspelt({ held, wanted }: Claim): void {
    const rules = wanted();
    for (const { rule, writer } of held) {
      const stands = rules.some(({ host, ruleHost }) => host === rule.host && ruleHost === rule.ruleHost);
      if (!stands) writer.expel(rule.host);
    }
  }

  #forgetRemoved(): void {
    for (const claim of this.#released) {
      if (!isListed(claim)) this.#released.delete(claim);
    }
  }

  #fail(claim: Claim, error: unknown): void {
    if (claim.settled) return;
    claim.settled = true;
    if (this.#claims.get(claim.owner) === claim) this.#claims.delete(claim.owner);
    claim.reject(error);
    this.#drop(claim, new Error('failed'));
  }

  #settleClaims(): void {
    for (const claim of this.#claims.values()) {
      if (claim.settled || !claim.held.every(({ rule, writer }) => writer.serves(rule.host))) continue;
      claim.settled = true;
      claim.resolve();
    }
  }

  #writer(name: string): ChallengeWriter {
    const existing = this.#writers.get(name);
    if (existing !== undefined) return existing;
    if (this.#writers.size >= mostWriters) {
      for (const [other, { isIdle }] of this.#writers) if (isIdle) this.#writers.delete(other);
    }
    const { client, clock, signal, template, thumbprint, watch } = this.#options;
    const { minWriteInterval = second, removalDelay = 10 * second } = this.#options;
    const onError = (error: unknown): void => this.#options.onError?.(error);
    const writer = new ChallengeWriter({
      name,
      template,
      thumbprint,
      client,
      clock,
      signal,
      minWriteInterval,
      removalDelay,
      isExpecting: () => this.#expected > 0,
      onGone: (hosts, ruleHosts) => {
        this.#goneHosts.note(hosts, clock.monotonic());
        this.#goneRuleHosts.note(ruleHosts, clock.monotonic());
      },
      find: (signal) => watch.objects.find(name, signal),
      onWritten: (observed) => watch.note(observed),
      onDeleted: (uid) => watch.noteDeletion(uid),
      onChange: () => {
        this.#forgetRemoved();
        this.#settleClaims();
      },
      onRefused: ({ rules, byHost }) => {
        for (const claim of this.#claimsOn(writer)) {
          const held = claim.held.filter((one) => one.writer === writer);
          const refused = rules.filter(({ host }) => held.some(({ rule }) => rule.host === host));
          const [first] = refused;
          if (first === undefined) continue;
          const refusal = new RuleRefusedError(byHost ? refused : [], first.cause);
          if (claim.settled) onError(refusal);
          else this.#fail(claim, refusal);
        }
      },
      onRemoved: (hosts) => {
        for (const claim of this.#claimsOn(writer)) {
          for (const { rule } of claim.held) {
            if (!hosts.includes(rule.host)) continue;
            claim.removals.set(rule.host, (claim.removals.get(rule.host) ?? 0) + 1);
          }
        }
      },
      onForeign: () => this.#moveAway(writer),
      onFailure: (cause) => {
        for (const claim of this.#claimsOn(writer)) this.#fail(claim, cause);
      },
      onError,
    });
    this.#writers.set(name, writer);
    return writer;
  }

  #claimsOn(writer: ChallengeWriter): Claim[] {
    return [...this.#claims.values()].filter(({ held }) => held.some((one) => one.writer === writer));
  }

  #moveAway(writer: ChallengeWriter): void {
    this.#foreignNames.add(writer.name);
    this.#writers.delete(writer.name);
    for (const claim of this.#claimsOn(writer)) {
      for (const { rule } of claim.held.splice(0)) {
        writer.release(rule.host);
        this.#place(claim, rule);
      }
    }
  }

  #observe(observed: ObservedChallenge): void {
    this.#foreignNames.delete(observed.name);
    this.#writer(observed.name).observe(observed);
  }

  #removeLeftovers(): void {
    const { leftoverNames = ['kube-lego-nginx'], clock, signal, watch, onError } = this.#options;
    if (this.#removingLeftovers) return;
    this.#removingLeftovers = true;
    const remove = async (): Promise<void> => {
      for (const name of leftoverNames)
        await watch.objects.removeLeftoverOf2016(this.#options.client, name, signal);
    };
    const pauses = { shortestPause: second, longestPause: 5 * minute };
    const onFailure = (error: unknown): void => onError?.(error);
    // Rejects only when the process ends.
    retry(remove, { clock, signal, ...pauses, onFailure }).catch(() => undefined);
  }
}

/** Whether the rule of one of its hosts is still in the API server. */
function isListed({ held }: Claim): boolean {
  return held.some(({ rule, writer }) => writer.lists(rule.host));
}
