import type { Logger } from 'pino';
import type { InspectionEvent } from 'xstate';
import type { Config } from './config/config.ts';
import type { ApiAccess } from './kubernetes/client/api-connection.ts';
import { Lifecycle } from './process/lifecycle.ts';
import { userAgent } from './process/user-agent.ts';
import type { Clock } from './time/clock.ts';
import { SteadyClock } from './time/steady-clock.ts';
import { setUpCaches } from './wiring/caches.ts';
import { setUpResponder } from './wiring/challenges.ts';
import { connectToCluster } from './wiring/cluster.ts';
import { setUpLeadership } from './wiring/leadership.ts';
import { setUpObservers } from './wiring/observers.ts';
import type { Runtime } from './wiring/runtime.ts';
import { startOrder } from './wiring/start-order.ts';
import { defaultSources } from './wiring/statuses.ts';
import { setUpTerm } from './wiring/term/term.ts';
import { setUpViewers } from './wiring/viewers.ts';

export interface ControllerOptions {
  readonly config: Config;
  readonly access: ApiAccess;
  readonly log: Logger;
  readonly clock: Clock;
  /** Sources of certificate requests; Ingresses, if not given. */
  readonly sources?: Runtime['sources'];
  /** XState inspection of all actors. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** It cannot work, although it leads: the process must end. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * A replica of kube-lego, wired but not started (`start`, then `stop` at any time). Its servers listen when `start` resolves. It watches
 * and answers challenges, and acts for as long as it leads; the API server and the CA may be unreachable then and at any later time.
 *
 * @throws Error from `start` if a port is in use; it leaves nothing open
 */
export function createController({
  config,
  access,
  log,
  clock: systemClock,
  sources = defaultSources(config),
  inspect,
  onFailure,
}: ControllerOptions): Lifecycle {
  const stopping = new AbortController();
  const clock = new SteadyClock(systemClock);
  const runtime: Runtime = {
    config,
    clock,
    log,
    sources,
    signal: stopping.signal,
    userAgent: userAgent(config.version, config.homepage),
  };
  const observers = setUpObservers(clock);
  const { metrics } = observers;

  const connections = connectToCluster(runtime, access, (report) => metrics.apiRequest(report));
  const caches = setUpCaches(runtime, connections);
  const responder = setUpResponder(runtime, caches.answered);
  const leadership = setUpLeadership(
    runtime,
    connections,
    (limits) => setUpTerm(runtime, limits, { connections, caches, observers, inspect }),
    onFailure,
  );
  const viewers = setUpViewers(runtime, { caches, leadership, metrics });

  const abort = (): void => stopping.abort();
  return new Lifecycle(startOrder(runtime, { connections, caches, responder, leadership, viewers, abort }));
}
