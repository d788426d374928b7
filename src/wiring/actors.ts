import { type Actor, createActor, type InspectionEvent } from 'xstate';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import { type SourceKey, sourceField } from '../../machines/ownership/source-key.ts';
import { someOf } from '../../machines/reasons/foreign-text.ts';
import type { AuthorizationReport } from '../acme/order/authorization.ts';
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
import type { HostOwnership } from './host-ownership.ts';
import type { Runtime } from './runtime.ts';

/** Observes rounds and their orders. */
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
  readonly ownership: HostOwnership;
  readonly status: SourceStatusWriter;
  readonly observer: IssuanceObserver;
  /** XState inspection of all actors. */
  readonly inspect: ((event: InspectionEvent) => void) | undefined;
}

/** The supervisor and its Ingress actors, with their steps. */
export interface Actors {
  readonly supervisor: Actor<ReturnType<typeof createSupervisorLogic>>;
  readonly ingresses: ReadonlyMap<SourceKey, IngressActor>;
  readonly rounds: Rounds;
}

export function setUpActors(runtime: Runtime, options: ActorsOptions): Actors {
  const { config, clock, log } = runtime;
  const { authorities, observer, inspect } = options;
  const { ca } = authorities;
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
      budget: ca.budget,
      ingressMachine: createIngressLogic({
        rounds,
        clock,
        announcer: new Announcer(options.cluster.events, options.status, log),
        observer,
        steps: createSteps(runtime, options, { vault, issued }),
      }),
      rounds,
      actors: ingresses,
      clock,
      caClock: ca.clock,
      onDomainsTaken: (namespace, domains) =>
        log.warn(
          { namespace, domains: someOf(domains) },
          'Domains in kube-lego.io/domains of this Namespace are reserved for an older Namespace, and stay with it.',
        ),
      onPausesLifted: (hosts) => authorities.liftPauses(hosts),
      onImportComplete: () => options.ownership.completeImport(),
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
  { cluster, authorities, challenges, ownership, observer }: ActorsOptions,
  keys: { readonly vault: Vault; readonly issued: IssuedCertificates },
): Parameters<typeof createIngressLogic>[0]['steps'] {
  const { ca, rehearsal } = authorities;
  const { events, secrets } = cluster;
  return {
    solvers: challenges.solvers,
    ...keys,
    ca,
    account: ca.account,
    holders: ownership.holders,
    rehearsal,
    renewals: new RenewalWatch({ ca, secrets, clock }),
    onPause: (link, input) => events.publish(pauseLinkEvent(input, link)),
    onAuthorization: (round, report) => observer.authorization(round, report),
    onNotice: (notice, { source, desired }) =>
      log.warn({ ...sourceField(source), secret: desired.secretName }, notice),
    clock,
    secrets,
    policy: assessmentPolicy(config),
    keyType: config.keyType,
    preferredChain: config.preferredChain,
    commonName: config.commonName,
  };
}
