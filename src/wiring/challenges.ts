import type { AccountStore } from '../acme/account/account.ts';
import type { PreparationReport } from '../challenges/challenge-solver.ts';
import { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import { Http01Solver } from '../challenges/http-01/http-01-solver.ts';
import { pathTypeOf, selfCheckSettings } from '../config/policies.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Observes the preparation of hosts. */
export interface PreparationObserver {
  preparation(round: string, report: PreparationReport): void;
}

/** The challenge solvers. */
export interface Challenges {
  readonly solvers: ChallengeSolvers;
  readonly http01: Http01Solver;
}

export function setUpChallenges(
  { config, clock, log, signal, userAgent }: Runtime,
  { client }: Cluster,
  account: Pick<AccountStore, 'thumbprint'>,
  observer: PreparationObserver,
): Challenges {
  const http01 = new Http01Solver({
    client,
    clock,
    signal,
    namespace: config.namespace,
    serviceName: config.serviceName,
    servicePort: config.servicePort,
    ingressName: config.ingressName,
    annotations: config.challengeIngressAnnotations,
    pathType: (ingressClass) => pathTypeOf(config, ingressClass),
    leftoverNames: config.leftoverIngressNames,
    selfCheck: selfCheckSettings(config, userAgent, clock),
    thumbprint: () => account.thumbprint(),
    onReport: (round, report) => observer.preparation(round, report),
    onError: (error) =>
      log.warn(error, 'The challenge Ingress could not be read or written; kube-lego tries again.'),
    onResponderError: (error) =>
      log.warn(error, 'The responder could not check a host in the challenge Ingresses.'),
  });
  return { solvers: new ChallengeSolvers([http01], () => http01), http01 };
}
