/*
 * HTTP-01 (RFC 8555 section 8.3): rules of a challenge Ingress, and challenge routes of Gateways, lead the CA's requests to the
 * responder, which answers for every token. So everything is set up before the order, and checked through the public name. Called by the steps of a round.
 */
import type { RouteRefusal } from '../../../machines/gateway/route-acceptance.ts';
import type { HostRoute } from '../../../machines/ownership/desired-certificate.ts';
import { StepError } from '../../../machines/reasons/step-error.ts';
import { latest } from '../../../machines/time/latest.ts';
import type { OfferedChallenge } from '../../acme/order/authorization.ts';
import { sleep } from '../../time/clock.ts';
import { resolveHost } from '../addresses.ts';
import type { ChallengeSolver, HostVerdict, Preparation, PreparationReport } from '../challenge-solver.ts';
import { throwUnlessProvable } from '../unprovable.ts';
import { ChallengeIngresses, type ChallengeIngressOptions } from './challenge-ingress/challenge-ingress.ts';
import type { ChallengeRoutes } from './challenge-route/challenge-route.ts';
import { RoundRules, type RoundRulesOptions } from './round-rules.ts';
import { hostVerdict, reportsOf, unresolvedVerdict } from './self-check/host-verdict.ts';
import { awaitReachable, type ReachabilitySettings } from './self-check/reachability.ts';
import type { Verdict } from './self-check/self-check.ts';
import { SelfCheckMemory } from './self-check/self-check-memory.ts';

const noRefusals: ReadonlyMap<string, RouteRefusal> = new Map();
/** Milliseconds between two looks whether this pod is ready. */
const readinessPause = 250;
/** For the rules of a site to settle; who changes them again and again is not waited for. */
const mostWaits = 3;

export interface Http01Options extends ChallengeIngressOptions {
  readonly sites: RoundRulesOptions['sites'];
  /** Undefined without `LEGO_GATEWAY_API`. */
  readonly routes?: ChallengeRoutes | undefined;
  readonly selfCheck: Omit<ReachabilitySettings, 'thumbprint' | 'onVerdict' | 'repeated'>;
  /** Milliseconds, `LEGO_PROPAGATION_DELAY`. */
  readonly propagationDelay: number;
  readonly onReport: (round: string, report: PreparationReport) => void;
}

export class Http01Solver implements ChallengeSolver {
  readonly type = 'http-01';
  readonly #options: Http01Options;
  readonly #ingresses: ChallengeIngresses;
  readonly #rules: RoundRules;
  readonly #preparations = new Map<string, Preparation>();
  /** Until which the removals of rules have been waited for, in monotonic milliseconds, by round. */
  readonly #heeded = new Map<string, number>();
  readonly #memory: SelfCheckMemory;

  constructor(options: Http01Options) {
    const { clock } = options;
    this.#options = options;
    this.#ingresses = new ChallengeIngresses(options);
    this.#rules = new RoundRules({
      ingresses: this.#ingresses,
      sites: options.sites,
      clock,
      signal: options.signal,
    });
    this.#memory = new SelfCheckMemory(clock);
  }

  /** Starts the reconciliation of the challenge Ingresses and routes. */
  start(): void {
    this.#ingresses.start();
    this.#options.routes?.start();
  }

  /**
   * Removes all rules, at the end.
   * @param isNeeded whether an order that has not ended still relies on the rule for this host
   */
  async close(isNeeded: (host: string) => boolean, signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#ingresses.close(isNeeded, signal),
      this.#options.routes?.close(isNeeded, signal),
    ]);
  }

  /** Challenge routes and ReferenceGrants that nothing needs; undefined without Gateway API. */
  get routesLeftOver(): number | undefined {
    return this.#options.routes?.leftOver;
  }

  /** The rules of some site may have changed. */
  follow(): void {
    this.#rules.follow();
  }

  expect(hosts: readonly HostRoute[], proofs: Promise<unknown>): void {
    if (hosts.some(({ ingressClasses }) => ingressClasses.length > 0)) this.#ingresses.expect(proofs);
  }

  async prepare(preparation: Preparation, signal: AbortSignal): Promise<readonly HostVerdict[]> {
    const { round, namespace, hosts, selfCheck } = preparation;
    this.#preparations.set(round, preparation);
    await this.#rules.acquire(round, { namespace, hosts }, signal);
    const refusals = (await this.#options.routes?.acquire(round, hosts, signal)) ?? noRefusals;
    // A host that an Ingress serves, too, may be led to us by that.
    const refused = hosts.flatMap(({ host, ingressClasses }) => {
      const refusal = ingressClasses.length === 0 ? refusals.get(host) : undefined;
      return refusal === undefined ? [] : [notRouted(host, refusal)];
    });
    const routed = hosts.filter(({ host }) => refused.every((verdict) => verdict.host !== host));
    for (const { host, message } of refused) {
      this.#options.onReport(round, { host, step: 'route', state: 'failed', detail: message });
    }
    if (!selfCheck) {
      await this.#propagation(signal);
      this.#rules.proveStanding(round);
      return refused;
    }
    await this.#removalsTakenUp(round, routed, signal);
    const checked = await Promise.all(routed.map((route) => this.#check(route, preparation, signal)));
    const verdicts = [...refused, ...checked.map((verdict) => explainedBy(verdict, refusals))];
    if (verdicts.some(({ kind }) => kind !== 'provable')) this.#rules.proveStanding(round);
    return verdicts;
  }

  /** By the resolver of the self-check: a host that the CA alone does not find would appear again and again. */
  async haveAppeared(hosts: readonly string[], signal: AbortSignal): Promise<boolean> {
    const lost = hosts.filter((host) => this.#memory.isUnresolved(host));
    const found = await Promise.all(lost.map((host) => resolveHost(host, this.#options.selfCheck, signal)));
    return found.some(({ kind }) => kind === 'addresses');
  }

  /** A name that does not resolve needs no challenge rule and no request. */
  async recheck(hosts: readonly string[], signal: AbortSignal): Promise<readonly HostVerdict[] | undefined> {
    const resolutions = await Promise.all(
      hosts.map((host) => resolveHost(host, this.#options.selfCheck, signal)),
    );
    const verdicts = hosts.flatMap((host, index) => unresolvedVerdict(host, resolutions[index]) ?? []);
    return verdicts.length < hosts.length ? undefined : verdicts;
  }

  /**
   * The responder answers for every token. But when the rules of the site have changed since the self-check, the ingress controller may
   * take up the site's change before that of the challenge rule, and a validation in between fails. Likewise when a rule was gone since.
   */
  async present(
    round: string,
    { host, keyAuthorization }: OfferedChallenge,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, propagationDelay } = this.#options;
    const preparation = this.#preparations.get(round);
    if (preparation !== undefined && !keyAuthorization.endsWith(`.${preparation.thumbprint}`)) {
      const message = `The account key was changed when host ${host} had been prepared: it is prepared again.`;
      throw new StepError({ code: 'OrderUnfinished', message });
    }
    const route = preparation?.hosts.find((one) => one.host === host);
    if (preparation === undefined || route === undefined) return;
    let settled: number | undefined;
    for (let waits = 0; waits < mostWaits && settled !== this.#changedAt(round); waits += 1) {
      settled = this.#changedAt(round);
      const rest = settled === undefined ? 0 : settled + propagationDelay - clock.monotonic();
      if (rest > 0) await sleep(clock, rest, signal);
    }
    if (settled === undefined || !preparation.selfCheck) return;
    throwUnlessProvable([await this.#check(route, preparation, signal)]);
  }

  cleanUp(round: string): void {
    this.#preparations.delete(round);
    this.#heeded.delete(round);
    this.#rules.release(round);
    this.#options.routes?.release(round);
  }

  canJudge(host: string): boolean {
    return this.#memory.hasAnswered(host);
  }

  /** When a rule or route of this round was last spelt anew, or gone since its self-check, in monotonic milliseconds; undefined if never. */
  #changedAt(round: string): number | undefined {
    const goneAt = this.#ingresses.goneAt(round);
    const isNew = goneAt !== undefined && goneAt > (this.#heeded.get(round) ?? Number.NEGATIVE_INFINITY);
    return latest([
      this.#rules.changedAt(round),
      this.#options.routes?.changedAt(round),
      isNew ? goneAt : undefined,
    ]);
  }

  /**
   * A rule that was removed shortly before it is needed again may still be in effect, and its removal take effect between self-check and
   * validation. Once the ingress controller has had time for that, what answers is the rule that is there now.
   */
  async #removalsTakenUp(round: string, hosts: readonly HostRoute[], signal: AbortSignal): Promise<void> {
    const { clock, onReport, propagationDelay } = this.#options;
    const goneAt = this.#ingresses.goneAt(round) ?? Number.NEGATIVE_INFINITY;
    this.#heeded.set(round, goneAt);
    const rest = goneAt + propagationDelay - clock.monotonic();
    if (rest <= 0) return;
    const detail =
      'The challenge rule was removed a moment ago: the ingress controller has to hear of that first.';
    for (const { host } of hosts) onReport(round, { host, step: 'route', state: 'waiting', detail });
    await sleep(clock, rest, signal);
  }

  /** Without a self-check nothing tells when this pod can answer and the ingress controller has taken up the rule. */
  async #propagation(signal: AbortSignal): Promise<void> {
    const { clock, propagationDelay, selfCheck, watch } = this.#options;
    for (const end = clock.monotonic() + selfCheck.timeLimit; !watch.state.synced; ) {
      if (clock.monotonic() >= end) {
        const message = 'The challenge Ingresses cannot be watched, so no challenge could be answered.';
        throw new StepError({ code: 'ApiServerUnavailable', message });
      }
      await sleep(clock, readinessPause, signal);
    }
    await sleep(clock, propagationDelay, signal);
  }

  /** Checks the host through its public name until it answers or the time limit. */
  async #check(
    route: HostRoute,
    { round, namespace, thumbprint, judged, unready }: Preparation,
    signal: AbortSignal,
  ): Promise<HostVerdict> {
    const { host } = route;
    const report = (change: Omit<PreparationReport, 'host'>): void =>
      this.#options.onReport(round, { host, ...change });
    report({ step: 'route', state: 'done' });
    report({ step: 'self-check', state: 'running' });
    const onVerdict = (verdict: Verdict): void => reportsOf(verdict, false).forEach(report);
    const repeated = unready.includes(host);
    const settings = { ...this.#options.selfCheck, thumbprint, onVerdict, repeated };
    const seen = await awaitReachable(host, settings, signal);
    const verdict = this.#memory.judge(host, seen, judged.includes(host));
    reportsOf(verdict, true).forEach(report);
    const { timeLimit } = this.#options.selfCheck;
    const classes = this.#rules.classesOf(namespace, route);
    return hostVerdict(host, verdict, { timeLimit, classes, gateways: route.gateways ?? [] });
  }
}

function notRouted(
  host: string,
  { code, message, remedy }: RouteRefusal,
): Extract<HostVerdict, { kind: 'not-provable' }> {
  return { host, kind: 'not-provable', code, message, ...(remedy === undefined ? {} : { remedy }) };
}

/** What fails the self-check, and is refused by its Gateway, fails for that. */
function explainedBy(verdict: HostVerdict, refusals: ReadonlyMap<string, RouteRefusal>): HostVerdict {
  const refusal = refusals.get(verdict.host);
  const isUnexplained = verdict.kind === 'not-provable' && verdict.code === 'SelfCheckFailed';
  return refusal === undefined || !isUnexplained ? verdict : notRouted(verdict.host, refusal);
}
