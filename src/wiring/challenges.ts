import type { Server } from 'node:http';
import type { Ownership } from '../../machines/ownership/ownership.ts';
import type { DnsReport } from '../../machines/zones/dns-report.ts';
import type { Zones } from '../../machines/zones/zone.ts';
import type { AccountStore } from '../acme/account/account.ts';
import type { PreparationReport } from '../challenges/challenge-solver.ts';
import { ChallengeSolvers } from '../challenges/challenge-solvers.ts';
import { type AnsweredHosts, newestAnswer } from '../challenges/http-01/answered-hosts.ts';
import type { ChallengeTemplate } from '../challenges/http-01/challenge-ingress/challenge-manifest.ts';
import type { ChallengeWatch } from '../challenges/http-01/challenge-ingress/challenge-watch.ts';
import { type Http01Options, Http01Solver } from '../challenges/http-01/http-01-solver.ts';
import { createResponder } from '../challenges/http-01/responder.ts';
import type { Config } from '../config/config.ts';
import { pathTypeOf, selfCheckSettings } from '../config/policies.ts';
import type { Cluster } from './cluster.ts';
import { type Dns01, setUpDns01 } from './dns-01.ts';
import { type GatewayCaches, setUpChallengeRoutes } from './gateway-challenges.ts';
import type { Runtime } from './runtime.ts';

/** The responder of every replica: it answers for what the objects of challenges list, whoever has written them. */
export function setUpResponder({ clock, log }: Runtime, watches: readonly AnsweredHosts[]): Server {
  return createResponder({
    thumbprintOf: (host) => newestAnswer(watches.flatMap((watch) => watch.answerFor(host) ?? []))?.thumbprint,
    refresh: async () => {
      await Promise.all(watches.map((watch) => watch.refresh()));
    },
    onError: (error) => log.warn(error, 'The responder could not check whether a host is being validated.'),
    clock,
  });
}

/** Observes how hosts are prepared and proven. */
export interface PreparationObserver {
  preparation(round: string, report: PreparationReport): void;
  dns(report: DnsReport): void;
}

/** The challenge solvers. */
export interface Challenges {
  readonly solvers: ChallengeSolvers;
  readonly http01: Http01Solver;
  /** Undefined without DNS zones. */
  readonly dns01: Dns01 | undefined;
}

/** What the solvers read, and whether they may act. */
export interface ChallengeSurroundings {
  readonly watch: ChallengeWatch;
  /** Undefined without `LEGO_GATEWAY_API`. */
  readonly ofGateways: GatewayCaches | undefined;
  readonly zones: () => Zones;
  /** Whether this process leads: a change of the DNS has no version that would keep a former leader's out. */
  readonly mayWrite: () => boolean;
}

export function setUpChallenges(
  runtime: Runtime,
  cluster: Cluster,
  { watch, ofGateways, zones, mayWrite }: ChallengeSurroundings,
  account: Pick<AccountStore, 'thumbprint'>,
  observer: PreparationObserver,
  sites: () => Ownership,
): Challenges {
  const { config, clock, log, signal, userAgent } = runtime;
  const { client } = cluster;
  const onReport: Http01Options['onReport'] = (round, report) => observer.preparation(round, report);
  const http01 = new Http01Solver({
    client,
    clock,
    signal,
    watch,
    template: challengeTemplate(config),
    thumbprint: () => account.thumbprint(),
    ingressName: config.ingressName,
    leftoverNames: config.leftoverIngressNames,
    selfCheck: selfCheckSettings(config, userAgent, clock),
    propagationDelay: config.propagationDelay,
    sites,
    routes:
      ofGateways &&
      setUpChallengeRoutes(runtime, cluster, ofGateways, account, (namespace, host) =>
        sites().isHeldBy(namespace, host),
      ),
    onReport,
    onError: (error) =>
      log.warn(error, 'The challenge Ingress could not be read or written; kube-lego tries again.'),
  });
  const dns01 =
    config.dnsZones === undefined
      ? undefined
      : setUpDns01(runtime, cluster, {
          zones,
          mayWrite,
          onReport,
          onDnsReport: (report) => observer.dns(report),
        });
  const byDns = dns01?.solver;
  const solvers =
    byDns === undefined
      ? new ChallengeSolvers([http01], () => http01)
      : new ChallengeSolvers([http01, byDns], ({ challenge }) => (challenge === 'dns-01' ? byDns : http01));
  return { solvers, http01, dns01 };
}

export function challengeTemplate(config: Config): ChallengeTemplate {
  const { challengeIngressAnnotations, challengeIngressLabels, objectMetadata } = config;
  return {
    namespace: config.namespace,
    serviceName: config.serviceName,
    servicePort: config.servicePort,
    labels: { ...objectMetadata.labels, ...challengeIngressLabels },
    annotations: { ...objectMetadata.annotations, ...challengeIngressAnnotations },
    pathType: (ingressClass) => pathTypeOf(config, ingressClass),
  };
}
