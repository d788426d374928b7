import type { Presenter } from '../../src/acme/order/authorization.ts';
import type { ChallengeSolver, HostVerdict, Preparation } from '../../src/challenges/challenge-solver.ts';

/** Somebody else answers the HTTP-01 challenges of every host. */
export function presenterOf(): Presenter {
  return { type: 'http-01', present: () => Promise.resolve() };
}

/** Finds every host provable, does nothing, and writes down what it is asked for. */
export class RecordingSolver implements ChallengeSolver {
  readonly type: string;
  readonly calls: string[] = [];

  constructor(type: string) {
    this.type = type;
  }

  prepare({ round, hosts, thumbprint }: Preparation): Promise<readonly HostVerdict[]> {
    this.calls.push(`prepare ${round} ${hosts.map(({ host }) => host).join()} ${thumbprint.length}`);
    return Promise.resolve(hosts.map(({ host }) => ({ host, kind: 'provable' })));
  }

  present(
    round: string,
    { host, wildcard, token, keyAuthorization }: Parameters<Presenter['present']>[0],
  ): Promise<void> {
    const fits = keyAuthorization.startsWith(`${token}.`);
    this.calls.push(`present ${round} ${wildcard ? '*.' : ''}${host} ${fits}`);
    return Promise.resolve();
  }

  cleanUp(round: string): void {
    this.calls.push(`cleanUp ${round}`);
  }

  canJudge(): boolean {
    return false;
  }
}
