import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { HostRoute } from '../../machines/ownership/desired-certificate.ts';
import type { Presenter } from '../acme/order/authorization.ts';
import type { ChallengeSolver, HostVerdict, Preparation } from './challenge-solver.ts';

/** All solvers, with the choice of the solver of each host. */
export class ChallengeSolvers {
  readonly #all: readonly ChallengeSolver[];
  readonly #choose: (route: HostRoute) => ChallengeSolver;

  /** @param choose the solver of a host; must be deterministic */
  constructor(all: readonly ChallengeSolver[], choose: (route: HostRoute) => ChallengeSolver) {
    this.#all = all;
    this.#choose = choose;
  }

  /** The presenters of this round's hosts; undefined for any other host. */
  presenters({ id, hosts }: Pick<CertificateInput, 'id' | 'hosts'>): (host: string) => Presenter | undefined {
    const routes = new Map(hosts.map((route) => [route.host, route]));
    return (host) => {
      const route = routes.get(host);
      if (route === undefined) return undefined;
      const solver = this.#choose(route);
      const { spreads, type } = solver;
      return { type, spreads, present: (challenge, signal) => solver.present(id, challenge, signal) };
    };
  }

  /** Tells the solvers of these hosts that they will be prepared when this is done. */
  expect(routes: readonly HostRoute[], proofs: Promise<unknown>): void {
    for (const [solver, hosts] of this.#bySolver(routes)) solver.expect?.(hosts, proofs);
  }

  /**
   * Has each host prepared by its solver. If one fails, the others are aborted and have ended before this rejects: no `cleanUp`
   * would remove what they did later.
   * @throws the first error
   */
  async prepare(preparation: Preparation, signal: AbortSignal): Promise<readonly HostVerdict[]> {
    const parts = this.#bySolver(preparation.hosts);
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    const verdicts = [...parts].map(([solver, hosts]) =>
      solver.prepare({ ...preparation, hosts }, either).catch((error: unknown) => {
        failure.abort(error);
        return [];
      }),
    );
    const all = (await Promise.all(verdicts)).flat();
    failure.signal.throwIfAborted();
    return all;
  }

  /** Whether one of these hosts can be found now, and could not at its last check. */
  async haveAppeared(routes: readonly HostRoute[], signal: AbortSignal): Promise<boolean> {
    const found = await this.#askEach(routes, (solver, hosts) => solver.haveAppeared?.(hosts, signal));
    return found.includes(true);
  }

  /**
   * Has the hosts looked at again by their solvers.
   * @returns undefined if one of them may be provable now
   */
  async recheck(
    routes: readonly HostRoute[],
    signal: AbortSignal,
  ): Promise<readonly HostVerdict[] | undefined> {
    const verdicts = await this.#askEach(routes, (solver, hosts) => solver.recheck?.(hosts, signal));
    return verdicts.some((some) => some === undefined) ? undefined : verdicts.flatMap((some) => some ?? []);
  }

  cleanUp(round: string): void {
    for (const solver of this.#all) solver.cleanUp(round);
  }

  canJudge(route: HostRoute): boolean {
    return this.#choose(route).canJudge(route.host);
  }

  #bySolver(routes: readonly HostRoute[]): Map<ChallengeSolver, HostRoute[]> {
    return Map.groupBy(routes, (route) => this.#choose(route));
  }

  /** Asks each solver about the hosts that are its own. */
  #askEach<T>(
    routes: readonly HostRoute[],
    ask: (solver: ChallengeSolver, hosts: readonly string[]) => Promise<T> | undefined,
  ): Promise<(T | undefined)[]> {
    return Promise.all(
      Array.from(this.#bySolver(routes), async ([solver, some]) =>
        ask(
          solver,
          some.map(({ host }) => host),
        ),
      ),
    );
  }
}
