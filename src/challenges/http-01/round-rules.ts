import { type ChallengeRule, writtenRules } from '../../../machines/ownership/challenge-rules.ts';
import type { ClassStanding } from '../../../machines/ownership/classes/class-standing.ts';
import { mostClasses } from '../../../machines/ownership/classes/serving-classes.ts';
import type { HostRoute } from '../../../machines/ownership/desired-certificate.ts';
import type { IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import { StepError } from '../../../machines/reasons/step-error.ts';
import { second } from '../../../machines/time/durations.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import { type ChallengeIngresses, RuleRefusedError } from './challenge-ingress/challenge-ingress.ts';
import { RuleNotServedError } from './challenge-ingress/rule-not-served.ts';
import type { ServingClass } from './self-check/host-verdict.ts';

/** The hosts that a round has validated, and the namespace of its certificate. */
export interface RoundHosts {
  readonly namespace: string;
  readonly hosts: readonly Pick<HostRoute, 'host' | 'ingressClasses'>[];
}

/** The rules of all sites: `Ownership`. */
export interface SiteRules {
  /** How the challenge rules of a host are spelt now. */
  challengeRules(
    namespace: string,
    route: Pick<HostRoute, 'host' | 'ingressClasses'>,
  ): readonly ChallengeRule[];
  classStanding(ingressClass: IngressClassReference): ClassStanding;
  /** Another one after each change of these rules or classes. */
  readonly rulesVersion: number;
}

export interface RoundRulesOptions {
  readonly ingresses: Pick<
    ChallengeIngresses,
    'acquire' | 'expect' | 'release' | 'follow' | 'standing' | 'removedFrom'
  >;
  readonly sites: () => SiteRules;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Milliseconds within which changes of sites are collected. */
const followPause = 100;
/** Milliseconds that a rule waits to be younger than a site; longer only if the clocks differ. */
const longestWait = 2 * second;

/** The challenge rules of the rounds. While a round stands, they follow the rules of the sites, by which they are spelt. */
export class RoundRules {
  readonly #options: RoundRulesOptions;
  readonly #changedAt = new Map<string, number>();
  #followed: number | undefined;
  #timer: unknown;

  constructor(options: RoundRulesOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => options.clock.clearTimeout(this.#timer), { once: true });
  }

  /**
   * Resolves when the API server has the rules.
   * @throws StepError if a host can have none, KubernetesError, or the signal's reason
   */
  async acquire(round: string, hosts: RoundHosts, signal: AbortSignal): Promise<void> {
    const { ingresses } = this.#options;
    const rules = this.#rules(hosts);
    proveServed(rules);
    const written = this.#written(rules);
    this.#proveWritten(rules, written);
    const younger = this.#untilYounger(written, signal);
    ingresses.expect(younger);
    await younger;
    try {
      await ingresses.acquire(round, () => this.#written(this.#rules(hosts)), signal);
    } catch (error) {
      if (error instanceof RuleNotServedError) throw unserved(error);
      if (!(error instanceof RuleRefusedError)) throw error;
      const { hosts: refused, message } = error;
      const [first, second] = refused;
      const blamed = first === undefined ? {} : { hosts: refused };
      const host = first === undefined || second !== undefined ? {} : { host: first };
      throw new StepError({ code: 'ChallengeRuleRefused', message, ...blamed, ...host }, { cause: error });
    }
  }

  /**
   * To be called when a host of the round has failed a check.
   * @throws StepError if somebody removes its rules again and again
   */
  proveStanding(round: string): void {
    const removed = this.#options.ingresses.removedFrom(round);
    if (removed.length > 0) throw unserved(new RuleNotServedError('removed', removed));
  }

  /** The classes that serve a host, also those for which no rule is written. */
  classesOf(namespace: string, route: RoundHosts['hosts'][number]): ServingClass[] {
    const sites = this.#options.sites();
    const its = sites.challengeRules(namespace, route).filter(({ host }) => host === route.host);
    return its.map(({ ingressClass }) => ({ ingressClass, standing: sites.classStanding(ingressClass) }));
  }

  /** When a rule of this round was last spelt anew, in monotonic milliseconds; undefined if never. */
  changedAt(round: string): number | undefined {
    return this.#changedAt.get(round);
  }

  release(round: string): void {
    this.#changedAt.delete(round);
    this.#options.ingresses.release(round);
  }

  /** The rules of some site may have changed. */
  follow(): void {
    const { clock, ingresses, signal, sites } = this.#options;
    if (!ingresses.standing || this.#timer !== undefined || signal.aborted) return;
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      const { rulesVersion } = sites();
      if (rulesVersion === this.#followed) return;
      this.#followed = rulesVersion;
      for (const round of ingresses.follow()) this.#changedAt.set(round, clock.monotonic());
    }, followPause);
  }

  #rules({ namespace, hosts }: RoundHosts): ChallengeRule[][] {
    const sites = this.#options.sites();
    return hosts.map((route) => [...sites.challengeRules(namespace, route)]);
  }

  #written(rules: readonly ChallengeRule[][]): ChallengeRule[] {
    const sites = this.#options.sites();
    return writtenRules(rules, (ingressClass) => sites.classStanding(ingressClass));
  }

  /** Of two Ingresses of one second, an ingress controller may take either for the older one. */
  async #untilYounger(written: readonly ChallengeRule[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const after = Math.max(0, ...written.map((rule) => rule.after ?? 0));
    const rest = after + second - clock.now();
    if (rest > 0) await sleep(clock, Math.min(rest, longestWait), signal);
  }

  #proveWritten(rules: readonly ChallengeRule[][], written: readonly ChallengeRule[]): void {
    const hosts = new Set(written.map(({ host }) => host));
    const refused = rules.flat().find(({ host }) => !hosts.has(host));
    if (refused === undefined) return;
    const { host, ingressClass } = refused;
    const { nonMerging } = this.#options.sites().classStanding(ingressClass);
    if (nonMerging === undefined) {
      const message = `The Ingresses of this certificate name more than ${mostClasses} classes, so host ${host} has no challenge rule.`;
      throw new StepError({ code: 'ChallengeRuleRefused', message, host });
    }
    const message = `Ingress controller ${nonMerging} gives host ${host} to one Ingress only: a challenge Ingress would not work, or would take the site down.`;
    throw new StepError({ code: 'IngressControllerDoesNotMerge', message, host });
  }
}

function unserved(cause: RuleNotServedError): StepError {
  const { code, hosts, message } = cause;
  const [host, ...others] = hosts;
  const reason = code === 'removed' ? 'ChallengeRuleRemoved' : 'ChallengeRuleNotWritten';
  return new StepError({ code: reason, message, hosts, ...(others.length > 0 ? {} : { host }) }, { cause });
}

function proveServed(rules: readonly ChallengeRule[][]): void {
  const unserved = rules.flat().flatMap(({ host, foreign }) => (foreign === true ? [host] : []));
  const [host, ...others] = new Set(unserved);
  if (host === undefined) return;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const message = `Host ${host}${more} has no rule in this namespace, and a wildcard or a rule without host of another namespace serves it.`;
  throw new StepError({ code: 'HostHasNoRule', message, host, hosts: [host, ...others] });
}
