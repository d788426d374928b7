/*
 * HTTP-01 (RFC 8555 section 8.3): rules of a challenge Ingress route the CA's requests to the responder, which answers for every
 * token. So everything is set up before the order, and checked through the public name. Called by the steps of a round.
 */
import type { Server } from 'node:http';
import type { HostRoute } from '../../../machines/ownership/desired-certificate.ts';
import { StepError } from '../../../machines/reasons/step-error.ts';
import type { ReflectorState } from '../../kubernetes/watch/reflector.ts';
import type { ChallengeSolver, HostVerdict, Preparation, PreparationReport } from '../challenge-solver.ts';
import {
  ChallengeIngresses,
  type ChallengeIngressOptions,
  RuleRefusedError,
} from './challenge-ingress/challenge-ingress.ts';
import { IngressClasses } from './ingress-class.ts';
import { createResponder } from './responder.ts';
import { hostVerdict, reportsOf } from './self-check/host-verdict.ts';
import { awaitReachable, type ReachabilitySettings } from './self-check/reachability.ts';
import type { Verdict } from './self-check/self-check.ts';
import { SelfCheckMemory } from './self-check/self-check-memory.ts';

export interface Http01Options extends ChallengeIngressOptions {
  readonly selfCheck: Omit<ReachabilitySettings, 'thumbprint' | 'onVerdict'>;
  /** Thumbprint of the account key; undefined without an account. */
  readonly thumbprint: () => string | undefined;
  readonly onReport: (round: string, report: PreparationReport) => void;
  /** The responder could not check a host; it answered 404. */
  readonly onResponderError: (error: unknown) => void;
}

export class Http01Solver implements ChallengeSolver {
  readonly type = 'http-01';
  readonly responder: Server;
  readonly #options: Http01Options;
  readonly #rules: ChallengeIngresses;
  readonly #classes: IngressClasses;
  readonly #memory: SelfCheckMemory;

  constructor(options: Http01Options) {
    const { client, clock } = options;
    this.#options = options;
    this.#rules = new ChallengeIngresses(options);
    this.#classes = new IngressClasses({ client, clock });
    this.#memory = new SelfCheckMemory(clock);
    this.responder = createResponder({
      thumbprint: options.thumbprint,
      hasHost: (host) => this.#rules.has(host),
      refresh: () => this.#rules.refresh(),
      onError: options.onResponderError,
      clock,
    });
  }

  /** Starts the watch and the reconciliation of the challenge Ingresses. */
  start(): void {
    this.#rules.start();
  }

  /** State of the watch of the challenge Ingresses; before it is synced no host is answered. */
  get state(): ReflectorState {
    return this.#rules.state;
  }

  /** Removes all rules, at the shutdown. */
  removeAll(signal: AbortSignal): Promise<void> {
    return this.#rules.removeAll(signal);
  }

  async prepare(preparation: Preparation, signal: AbortSignal): Promise<readonly HostVerdict[]> {
    const { round, hosts, selfCheck } = preparation;
    await this.#proveMerging(hosts, signal);
    try {
      await this.#rules.acquire(round, hosts, signal);
    } catch (error) {
      if (!(error instanceof RuleRefusedError)) throw error;
      const { host, message } = error;
      throw new StepError({ code: 'ChallengeRuleRefused', message, host, hosts: [host] }, { cause: error });
    }
    if (!selfCheck) return [];
    return Promise.all(hosts.map(({ host }) => this.#check(host, preparation, signal)));
  }

  /** The responder answers for every token. */
  present(): Promise<void> {
    return Promise.resolve();
  }

  cleanUp(round: string): void {
    this.#rules.release(round);
  }

  canJudge(host: string): boolean {
    return this.#memory.hasAnswered(host);
  }

  async #proveMerging(hosts: readonly HostRoute[], signal: AbortSignal): Promise<void> {
    for (const { host, ingressClass } of hosts) {
      const controller = await this.#classes.nonMergingController(ingressClass, signal);
      if (controller === undefined) continue;
      const message = `Ingress controller ${controller} gives host ${host} to one Ingress only: a challenge Ingress would not work, or would take the site down.`;
      throw new StepError({ code: 'IngressControllerDoesNotMerge', message, host });
    }
  }

  /** Checks the host through its public name until it answers or the time limit. */
  async #check(
    host: string,
    { round, thumbprint, judged }: Preparation,
    signal: AbortSignal,
  ): Promise<HostVerdict> {
    const report = (change: Omit<PreparationReport, 'host'>): void =>
      this.#options.onReport(round, { host, ...change });
    report({ step: 'route', state: 'done' });
    report({ step: 'self-check', state: 'running' });
    const onVerdict = (verdict: Verdict): void => reportsOf(verdict, false).forEach(report);
    const settings = { ...this.#options.selfCheck, thumbprint, onVerdict };
    const seen = await awaitReachable(host, settings, signal);
    const verdict = this.#memory.judge(host, seen, judged.includes(host));
    reportsOf(verdict, true).forEach(report);
    return hostVerdict(host, verdict);
  }
}
