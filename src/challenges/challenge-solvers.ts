import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { HostRoute } from '../../machines/ownership/desired-certificate.ts';
import type { Presenter } from '../acme/order/authorization.ts';
import type { ChallengeSolver, HostVerdict, Preparation } from './challenge-solver.ts';

/** All solvers, and which of them proves which host. */
export class ChallengeSolvers {
  readonly #all: readonly ChallengeSolver[];
  readonly #choose: (route: HostRoute) => ChallengeSolver;

  /** @param choose one of them, the same each time that it is asked for a host */
  constructor(all: readonly ChallengeSolver[], choose: (route: HostRoute) => ChallengeSolver) {
    this.#all = all;
    this.#choose = choose;
  }

  /** Who proves the hosts of this round in an order; undefined for what is none of them. */
  presenters({ id, hosts }: Pick<CertificateInput, 'id' | 'hosts'>): (host: string) => Presenter | undefined {
    const routes = new Map(hosts.map((route) => [route.host, route]));
    return (host) => {
      const route = routes.get(host);
      if (route === undefined) return undefined;
      const solver = this.#choose(route);
      return { type: solver.type, present: (challenge, signal) => solver.present(id, challenge, signal) };
    };
  }

  /**
   * Has each host prepared by its solver. Where one fails the others are aborted, and have ended when this rejects: what they did
   * afterwards no `cleanUp` would take away.
   * @throws what the first of them throws
   */
  async prepare(preparation: Preparation, signal: AbortSignal): Promise<readonly HostVerdict[]> {
    const parts = Map.groupBy(preparation.hosts, (route) => this.#choose(route));
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

  cleanUp(round: string): void {
    for (const solver of this.#all) solver.cleanUp(round);
  }

  canJudge(route: HostRoute): boolean {
    return this.#choose(route).canJudge(route.host);
  }
}
