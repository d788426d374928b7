import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import type { InspectionEvent } from 'xstate';
import type { Config } from './config/config.ts';
import { Lifecycle } from './process/lifecycle.ts';
import { userAgent } from './process/user-agent.ts';
import type { Clock } from './time/clock.ts';
import { setUpActors } from './wiring/actors.ts';
import { setUpAuthorities } from './wiring/ca.ts';
import { setUpChallenges } from './wiring/challenges.ts';
import { connectToCluster } from './wiring/cluster.ts';
import { setUpOwnership } from './wiring/host-ownership.ts';
import { setUpObservers } from './wiring/observers.ts';
import type { Runtime } from './wiring/runtime.ts';
import { defaultSources, setUpSources } from './wiring/sources.ts';
import { startOrder } from './wiring/start-order.ts';
import { setUpViewers } from './wiring/viewers.ts';

export interface ControllerOptions {
  readonly config: Config;
  readonly kubeConfig: KubeConfig;
  readonly log: Logger;
  readonly clock: Clock;
  /** Sources of certificate requests; Ingresses, if not given. */
  readonly sources?: Runtime['sources'];
  /** XState inspection of all actors. */
  readonly inspect?: (event: InspectionEvent) => void;
}

/**
 * kube-lego, wired but not started (`start`, then `stop` at any time). Its servers listen when `start` resolves; the API server and the
 * CA may be unreachable then and at any later time.
 *
 * @throws Error if the CA bundle cannot be used; `start` throws if a port is in use, and leaves nothing open
 */
export function createController({
  config,
  kubeConfig,
  log,
  clock,
  sources: kinds = defaultSources(config),
  inspect,
}: ControllerOptions): Lifecycle {
  const stopping = new AbortController();
  const runtime: Runtime = {
    config,
    clock,
    log,
    sources: kinds,
    signal: stopping.signal,
    userAgent: userAgent(config.version, config.homepage),
  };
  const { metrics, journal, issuance: observer } = setUpObservers(clock);

  const cluster = connectToCluster(runtime, kubeConfig, (report) => metrics.apiRequest(report));
  const authorities = setUpAuthorities(runtime, {
    cluster,
    onReport: (report) => observer.order(report),
    onRequest: (report) => metrics.acmeRequest(report),
    tellSupervisor: (event) => actors.supervisor.send(event),
  });
  const challenges = setUpChallenges(runtime, cluster, authorities.ca.account, observer);
  const sources = setUpSources(runtime, cluster, (event) => actors.supervisor.send(event));
  const ownership = setUpOwnership(runtime, cluster, (event) => actors.supervisor.send(event));
  const actors = setUpActors(runtime, {
    cluster,
    authorities,
    challenges,
    ownership,
    status: sources.status,
    observer,
    inspect,
  });
  const rooms = { cluster, authorities, challenges, ownership, sources, actors };
  const viewers = setUpViewers(runtime, { ...rooms, metrics, journal });

  return new Lifecycle(startOrder(runtime, { ...rooms, viewers, abort: () => stopping.abort() }));
}
