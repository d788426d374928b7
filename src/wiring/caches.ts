import type { ChallengePlace } from '../../machines/gateway/challenge-routes.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import { sentences } from '../../machines/reasons/sentences.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { second } from '../../machines/time/durations.ts';
import { Zones } from '../../machines/zones/zone.ts';
import type { AnsweredHosts } from '../challenges/http-01/answered-hosts.ts';
import { ChallengeWatch } from '../challenges/http-01/challenge-ingress/challenge-watch.ts';
import type { Collection } from '../kubernetes/client/collections.ts';
import { logInterruption } from '../kubernetes/watch/interruption.ts';
import type { ReflectorState } from '../kubernetes/watch/reflector.ts';
import { type ClassWatch, watchClasses } from '../sources/class-watch.ts';
import { servedKind } from '../sources/gateway/gateway-discovery.ts';
import { GatewaySources } from '../sources/gateway/gateway-sources.ts';
import { GatewayWatch } from '../sources/gateway/gateway-watch.ts';
import { JoinedWatches } from '../sources/joined-watches.ts';
import { type InvalidDomain, type NamespaceWatch, watchNamespaces } from '../sources/namespace-watch.ts';
import { watchSecrets } from '../sources/secret-watch.ts';
import { sourceOf } from '../sources/source.ts';
import { type SourceWatch, watchSources } from '../sources/source-watch.ts';
import { watchZones, type ZoneWatch } from '../sources/zone-watch.ts';
import { settleWithin } from '../time/clock.ts';
import { Turns } from '../time/turns.ts';
import { challengeTemplate } from './challenges.ts';
import type { Connections } from './cluster.ts';
import { type GatewayCaches, watchChallengeRoutes } from './gateway-challenges.ts';
import type { Runtime } from './runtime.ts';

/** Milliseconds: a watch that has broken off is tried again within this. */
const longestGap = 30 * second;
const noZones = new Zones([]);

/** The watches, which are kept in every replica: who takes over lists nothing. */
export interface Caches {
  readonly challenges: ChallengeWatch;
  /** Undefined without `LEGO_GATEWAY_API`. */
  readonly gateways: GatewayWatch | undefined;
  /** Undefined without `LEGO_GATEWAY_API`. */
  readonly ofGateways: GatewayCaches | undefined;
  /** Of all objects that say which hosts are validated. */
  readonly answered: readonly AnsweredHosts[];
  /** Starts the watches. */
  start(): void;
  /** Resolves when all watches have ended after the abort of the runtime's signal. */
  stopped(): Promise<void>;
  /** The plural of what has not been listed yet; undefined when all is known. */
  readonly unread: string | undefined;
  /** A line for each kind whose watch is interrupted: since when, and why. */
  readonly interruptions: readonly string[];
  /** All sources are known. */
  readonly sourcesRead: boolean;
  /** Of the operator; none without DNS-01. */
  readonly zones: Zones;
  /** Undefined without DNS-01, and before `start`. */
  readonly invalidZones: number | undefined;
  find(key: SourceKey): SourceSpec | undefined;
  /** The collection of the sources of a kind. @throws Error if no source is of this kind */
  collectionOf(kind: string): Collection;
  /** How the API server knows them. @throws Error likewise */
  typeOf(kind: string): { readonly apiVersion: string; readonly kind: string };
  /** State of the watches of Ingresses. */
  readonly ingressStates: readonly ReflectorState[];
  /** Undefined before `start`. */
  readonly invalidDomains: readonly InvalidDomain[] | undefined;
  /** The record of holders has been read: sources go by it until the signal is aborted. */
  heedHolders(isHeldBy: ChallengePlace['isHeldBy'], signal: AbortSignal): void;
  /**
   * Tells all that is known, and then each change until the signal is aborted; in place of who was told before. While the watch of the
   * sources is interrupted, it is not said that they are all known.
   */
  follow(tell: (event: SupervisorEvent) => void, signal: AbortSignal): Promise<void>;
}

export function setUpCaches(runtime: Runtime, { reader: client }: Connections): Caches {
  const { config, clock, log, signal, sources } = runtime;
  const { dnsZones } = config;
  const challenges = new ChallengeWatch({
    client,
    clock,
    signal,
    template: challengeTemplate(config),
    onError: (error) => logInterruption(log, 'the challenge Ingresses', error),
  });
  const gateways = config.gatewayApi ? new GatewayWatch({ config, client, clock, signal, log }) : undefined;
  const ofGateways = gateways && { gateways, routes: watchChallengeRoutes(runtime, client, gateways) };
  let watches:
    | {
        readonly sources: SourceWatch;
        readonly namespaces: NamespaceWatch;
        readonly classes: ClassWatch;
        readonly zones?: ZoneWatch;
      }
    | undefined;
  let secrets: ReturnType<typeof watchSecrets> = [];
  let audience: ((event: SupervisorEvent) => void) | undefined;
  const tell = (event: SupervisorEvent): void => audience?.(event);
  let holders: ChallengePlace['isHeldBy'] | undefined;
  let gatewaySources: GatewaySources | undefined;
  const beginSources = (told: typeof tell): SourceWatch[] => {
    const ingresses = watchSources(sources, config, client, clock, signal, log, told);
    if (gateways === undefined) return [ingresses];
    gatewaySources = new GatewaySources({
      watch: gateways,
      clock,
      signal,
      isHeldBy: (namespace, host) => holders?.(namespace, host) === true,
      tellSupervisor: told,
    });
    gateways.start();
    return [ingresses, gatewaySources];
  };
  return {
    challenges,
    gateways,
    ofGateways,
    answered: ofGateways === undefined ? [challenges] : [challenges, ofGateways.routes],
    start() {
      challenges.start();
      ofGateways?.routes.start();
      watches = {
        namespaces: watchNamespaces(client, clock, signal, log, tell),
        classes: watchClasses(client, clock, signal, log, tell),
        ...(dnsZones === undefined
          ? {}
          : {
              zones: watchZones({
                client,
                clock,
                signal,
                log,
                namespace: config.namespace,
                name: dnsZones,
                tellSupervisor: tell,
              }),
            }),
        sources: new JoinedWatches(beginSources, tell),
      };
      secrets = watchSecrets(config, client, clock, signal, log, tell);
    },
    async stopped() {
      const ofRoutes = ofGateways === undefined ? [] : [ofGateways.routes];
      const all = [challenges, ...ofRoutes, ...Object.values(watches ?? {}), ...secrets];
      await Promise.all(all.map((watch) => watch.stopped()));
    },
    get unread() {
      if (!challenges.state.synced) return 'challenge Ingresses';
      if (watches?.sources.synced !== true) {
        const isOther = watches?.sources.statesOf('Ingress').every(({ synced }) => synced) === true;
        return isOther && gateways !== undefined ? 'Gateways' : 'Ingresses';
      }
      if (!watches.namespaces.read) return 'Namespaces';
      if (watches.zones?.read === false) return 'DNS zones';
      return watches.classes.read ? undefined : 'IngressClasses';
    },
    get interruptions() {
      const watched = {
        'challenge Ingresses': [challenges.state],
        Ingresses: watches?.sources.statesOf('Ingress') ?? [],
        Gateways: watches?.sources.statesOf('Gateway') ?? [],
        ListenerSets: watches?.sources.statesOf('ListenerSet') ?? [],
      };
      return Object.entries(watched).flatMap(([name, states]) =>
        states.flatMap(({ lastError, since }) => interruption(name, lastError, since)).slice(0, 1),
      );
    },
    get sourcesRead() {
      return watches?.sources.synced === true;
    },
    get zones() {
      return watches?.zones?.zones ?? noZones;
    },
    get invalidZones() {
      return watches?.zones?.zones.closed.length;
    },
    find: (key) => watches?.sources.find(key),
    collectionOf(kind) {
      const gateway = kind === 'Gateway' || kind === 'ListenerSet' ? gateways?.collectionOf(kind) : undefined;
      return gateway ?? sourceOf(sources, kind);
    },
    typeOf(kind) {
      const { apiVersion, resource } = this.collectionOf(kind);
      return { apiVersion, kind: servedKind(kind, resource) };
    },
    get ingressStates() {
      return watches?.sources.statesOf('Ingress') ?? [];
    },
    get invalidDomains() {
      return watches?.namespaces.invalidDomains();
    },
    heedHolders(isHeldBy, until) {
      if (until.aborted) return;
      holders = isHeldBy;
      until.addEventListener(
        'abort',
        () => {
          if (holders === isHeldBy) holders = undefined;
        },
        { once: true },
      );
      gatewaySources?.recheck();
    },
    async follow(told, until) {
      // The end of a list must not be reported before its objects.
      let ends: SupervisorEvent[] | undefined = [];
      const pass = (event: SupervisorEvent): void => {
        if (ends !== undefined && endsList(event)) ends.push(event);
        else told(event);
      };
      audience = pass;
      until.addEventListener('abort', () => {
        if (audience === pass) audience = undefined;
      });
      const turns = new Turns();
      for (const watch of Object.values(watches ?? {})) {
        for (const event of watch.known()) {
          if (until.aborted) return;
          pass(event);
          if (turns.isOver) await turns.next();
        }
      }
      // Who takes over after an outage would act on sources as they were before it.
      await settleWithin(clock, longestGap, (limit) =>
        watches === undefined ? [] : [watches.sources.watching(AbortSignal.any([until, limit]))],
      );
      const ended = ends;
      ends = undefined;
      if (!until.aborted) for (const event of ended) told(event);
    },
  };
}

function interruption(name: string, error: string | undefined, since: number): readonly string[] {
  if (error === undefined) return [];
  const at = new Date(since).toISOString();
  return [sentences(`since ${at}: the watch of the ${name} is interrupted: ${error}`)];
}

function endsList({ type }: SupervisorEvent): boolean {
  return type === 'SYNCED' || type === 'NAMESPACES_READ' || type === 'CLASSES_READ' || type === 'ZONES_READ';
}
