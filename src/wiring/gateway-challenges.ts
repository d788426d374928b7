import type { ChallengePlace } from '../../machines/gateway/challenge-routes.ts';
import type { AccountStore } from '../acme/account/account.ts';
import { ChallengeRoutes } from '../challenges/http-01/challenge-route/challenge-route.ts';
import type { ChallengeRouteTemplate } from '../challenges/http-01/challenge-route/challenge-route-manifest.ts';
import { ChallengeRouteWatch } from '../challenges/http-01/challenge-route/challenge-route-watch.ts';
import type { Config } from '../config/config.ts';
import { logInterruption } from '../kubernetes/watch/interruption.ts';
import type { GatewayWatch } from '../sources/gateway/gateway-watch.ts';
import type { Connections } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** What is known of Gateway API objects and of the challenge routes, in every replica. */
export interface GatewayCaches {
  readonly gateways: GatewayWatch;
  readonly routes: ChallengeRouteWatch;
}

export function watchChallengeRoutes(
  { config, clock, log, signal }: Runtime,
  client: Connections['reader'],
  gateways: GatewayWatch,
): ChallengeRouteWatch {
  return new ChallengeRouteWatch({
    client,
    clock,
    signal,
    template: routeTemplate(config),
    watchNamespaces: config.watchNamespaces,
    gateways,
    onError: (error) => logInterruption(log, 'the challenge routes', error),
  });
}

/** The challenge routes of the process that leads. */
export function setUpChallengeRoutes(
  { config, clock, log, signal }: Runtime,
  { client }: { readonly client: Pick<Connections['reader'], 'call'> },
  { gateways, routes: watch }: GatewayCaches,
  account: Pick<AccountStore, 'thumbprint'>,
  isHeldBy: ChallengePlace['isHeldBy'],
): ChallengeRoutes {
  return new ChallengeRoutes({
    client,
    clock,
    signal,
    watch,
    gateways,
    isHeldBy,
    template: routeTemplate(config),
    thumbprint: () => account.thumbprint(),
    onError: (error) =>
      log.warn(error, 'A challenge route could not be read or written; kube-lego tries again.'),
  });
}

function routeTemplate({
  namespace,
  serviceName,
  servicePort,
  objectMetadata,
}: Config): ChallengeRouteTemplate {
  return { namespace, serviceName, servicePort, ...objectMetadata };
}
