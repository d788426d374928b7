import { type Actor, createActor, type InspectionEvent } from 'xstate';
import type { OrderReport } from '../../machines/ca/order-report.ts';
import { byClock } from '../../machines/ingress/hold.ts';
import { type SourceKey, sourceField } from '../../machines/ownership/source-key.ts';
import type { AuthorizationReport } from '../acme/order/authorization.ts';
import { RenewalInfoSource } from '../acme/order/renewal-info.ts';
import { Announcer } from '../actors/announcer.ts';
import { createIngressLogic } from '../actors/ingress-logic.ts';
import type { RoundObserver } from '../actors/round-observer.ts';
import { Rounds } from '../actors/rounds.ts';
import { createSupervisorLogic, type IngressActor } from '../actors/supervisor-actor.ts';
import { IssuedCertificates } from '../certificate/issued-certificates.ts';
import { Vault } from '../certificate/vault.ts';
import { assessmentPolicy, supervisorPolicy } from '../config/policies.ts';
import type { SourceStatusWriter } from '../kubernetes/records/source-status.ts';
import { guarded } from '../process/guarded.ts';
import { pauseLinkEvent } from '../steps/pause-link.ts';
import { RenewalWatch } from '../steps/renewal-watch.ts';
import type { Authorities } from './ca.ts';
import type { Challenges } from './challenges.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Told what becomes of rounds and their orders. */
export interface IssuanceObserver extends RoundObserver {
  order(report: OrderReport): void;
  authorization(round: string, report: AuthorizationReport): void;
  roundEnded(round: string): void;
  sourceGone(source: SourceKey): void;
}

export interface ActorsOptions {
  readonly cluster: Cluster;
  readonly authorities: Authorities;
  readonly challenges: Challenges;
  readonly status: SourceStatusWriter;
  readonly observer: IssuanceObserver;
  /** Sees everything that happens among the actors. */
  readonly inspect: ((event: InspectionEvent) => void) | undefined;
}

/** The supervisor and its Ingress actors, with the steps that they take. */
export interface Actors {
  readonly supervisor: Actor<ReturnType<typeof createSupervisorLogic>>;
  readonly ingresses: ReadonlyMap<SourceKey, IngressActor>;
  readonly rounds: Rounds;
}

export function setUpActors(runtime: Runtime, options: ActorsOptions): Actors {
  const { config, clock, log } = runtime;
  const { authorities, observer, inspect } = options;
  const { budget, keeper, ledgerClock, rehearsal } = authorities;
  const vault = new Vault();
  const issued = new IssuedCertificates(vault);
  const rounds = new Rounds(
    (event) => supervisor.send(event),
    (id) => {
      observer.roundEnded(id);
      options.challenges.solvers.cleanUp(id);
      issued.release(id);
    },
  );
  const ingresses = new Map<SourceKey, IngressActor>();
  const supervisor = createActor(
    createSupervisorLogic({
      policy: supervisorPolicy(config),
      budget,
      ingressMachine: createIngressLogic({
        rounds,
        clock,
        announcer: new Announcer(options.cluster.events, options.status, log),
        observer,
        steps: createSteps(runtime, options, { vault, issued }, (report) => {
          observer.order(report);
          supervisor.send(report);
        }),
      }),
      rounds,
      actors: ingresses,
      clock,
      ledgerClock,
      onPausesLifted: (hosts) => {
        keeper.changed();
        rehearsal?.liftPauses(hosts);
      },
      onStopped: (source) => observer.sourceGone(source),
      onActorError: (source, error) =>
        log.error({ ...sourceField(source), err: error }, 'The actor of an Ingress died of an error.'),
    }),
    {
      id: 'supervisor',
      ...(inspect === undefined
        ? {}
        : { inspect: guarded(inspect, (error) => log.error(error, 'Who inspects the actors failed.')) }),
    },
  );
  return { supervisor, ingresses, rounds };
}

function createSteps(
  { config, clock, log }: Runtime,
  { cluster, authorities, challenges, observer }: ActorsOptions,
  keys: { readonly vault: Vault; readonly issued: IssuedCertificates },
  onOrderReport: (report: OrderReport) => void,
): Parameters<typeof createIngressLogic>[0]['steps'] {
  const { account, budget, keeper, ledgerClock, orderTurns, rehearsal, transport } = authorities;
  const { events, secrets } = cluster;
  const { directoryUrl } = config;
  return {
    solvers: challenges.solvers,
    ...keys,
    account,
    transport,
    rehearsal,
    ledger: keeper,
    orderTurns,
    countAs: (id, exemption) => {
      const caNow = ledgerClock.now();
      const hold = budget.countAs(id, exemption, caNow);
      return hold && byClock(hold, caNow, clock.now());
    },
    renewals: new RenewalWatch({
      source: new RenewalInfoSource({ transport, directoryUrl, clock }),
      secrets,
      directory: directoryUrl,
      budget,
      ledgerClock,
      clock,
    }),
    onPause: (link, input) => events.publish(pauseLinkEvent(input, link)),
    onOrderReport,
    onAuthorization: (round, report) => observer.authorization(round, report),
    onNotice: (notice, { source, desired }) =>
      log.warn({ ...sourceField(source), secret: desired.secretName }, notice),
    clock,
    secrets,
    policy: assessmentPolicy(config),
    keyType: config.keyType,
    profile: config.profile,
    preferredChain: config.preferredChain,
  };
}
