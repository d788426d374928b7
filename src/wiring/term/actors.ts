import { type Actor, createActor, type InspectionEvent } from 'xstate';
import type { OrderReport } from '../../../machines/authority/order-report.ts';
import { type SourceKey, sourceField } from '../../../machines/ownership/source-key.ts';
import { someOf } from '../../../machines/reasons/foreign-text.ts';
import { second } from '../../../machines/time/durations.ts';
import type { AuthorizationReport } from '../../acme/order/authorization.ts';
import { Announcer } from '../../actors/announcer.ts';
import { IngressActors, type ObservedIngresses } from '../../actors/ingress-actors.ts';
import { createIngressLogic } from '../../actors/ingress-logic.ts';
import type { RoundObserver } from '../../actors/round-observer.ts';
import { Rounds } from '../../actors/rounds.ts';
import { createSupervisorLogic } from '../../actors/supervisor-actor.ts';
import { IssuedCertificates } from '../../certificate/issued-certificates.ts';
import { TrialPairs } from '../../certificate/making/trial-pair.ts';
import { Vault } from '../../certificate/vault.ts';
import { assessmentPolicy, supervisorPolicy } from '../../config/policies.ts';
import type { OrderJournal } from '../../journal/order-journal.ts';
import type { SourceStatusWriter } from '../../kubernetes/records/source-status.ts';
import { guarded } from '../../process/guarded.ts';
import type { RevocationRegister } from '../../revocation/revocation-register.ts';
import { Keystores } from '../../steps/keystores.ts';
import { pauseLinkEvent } from '../../steps/pause-link.ts';
import type { Placeholders } from '../../steps/placeholders.ts';
import { RenewalPolls } from '../../steps/renewal-polls.ts';
import { RenewalWatch } from '../../steps/renewal-watch.ts';
import { trialCertificate } from '../../steps/trial-certificate.ts';
import type { Challenges } from '../challenges.ts';
import type { Cluster } from '../cluster.ts';
import type { Runtime } from '../runtime.ts';
import type { Authorities } from './ca.ts';
import type { HostOwnership } from './host-ownership.ts';

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
  readonly orders: OrderJournal;
  readonly revocations: RevocationRegister;
  readonly placeholders: Placeholders;
  /** Whether somebody wants a certificate in this Secret, as far as is known. */
  readonly isWanted: (secret: { readonly namespace: string; readonly secretName: string }) => boolean;
  readonly status: SourceStatusWriter;
  readonly observer: IssuanceObserver;
  /** XState inspection of all actors. */
  readonly inspect: ((event: InspectionEvent) => void) | undefined;
}

/** The supervisor and its Ingress actors, with their steps. */
export interface Actors {
  readonly supervisor: Actor<ReturnType<typeof createSupervisorLogic>>;
  readonly ingresses: ObservedIngresses;
  readonly rounds: Rounds;
}

export function setUpActors(runtime: Runtime, options: ActorsOptions): Actors {
  const { config, clock, log, signal } = runtime;
  const { authorities, cluster, isWanted, observer, inspect } = options;
  const { ca } = authorities;
  const vault = new Vault();
  const issued = new IssuedCertificates(vault);
  const rounds = new Rounds(
    (event) => supervisor.send(event),
    (id) => {
      observer.roundEnded(id);
      options.challenges.solvers.cleanUp(id);
      issued.release(id);
      authorities.draining.end(id);
    },
  );
  const announcer = new Announcer(cluster.events, options.status, log);
  const renewals = new RenewalPolls({
    watch: new RenewalWatch({ ca, secrets: cluster.secrets, clock, signal }),
    clock,
    signal,
    isWanted,
    onNews: ({ namespace, secretName }) => supervisor.send({ type: 'SECRET_CHANGED', namespace, secretName }),
    onTrouble: (error) => log.error(error, 'The CA could not be asked when to renew a certificate.'),
  });
  const ingresses = new IngressActors(
    createIngressLogic({
      rounds,
      clock,
      announcer,
      observer,
      steps: {
        ...createSteps(runtime, options, { vault, issued, renewals, slots: rounds }),
        onSlow: (id, finding) => rounds.pending(id, finding, clock.now()),
      },
    }),
  );
  const supervisor = createActor(
    createSupervisorLogic({
      policy: supervisorPolicy(config),
      budget: ca.budget,
      rounds,
      actors: ingresses,
      clock,
      caClock: ca.clock,
      onSourceWaits: (source, finding, at) => announcer.announceWaiting(source, finding, at),
      onClockSet: (by) => {
        const direction = by > 0 ? 'forward' : 'back';
        log.warn(
          { seconds: Math.round(by / second) },
          `The clock of this machine was set ${direction}, or stood still: what kube-lego waits for is moved along.`,
        );
      },
      onDomainsTaken: (namespace, domains) =>
        log.warn(
          { namespace, domains: someOf(domains) },
          'Domains in kube-lego.io/domains of this Namespace are reserved for an older Namespace, and stay with it.',
        ),
      onPausesLifted: (hosts) => {
        authorities.liftPauses(hosts);
        options.orders.lookAtOnce(hosts);
      },
      onImportComplete: () => options.ownership.completeImport(),
      onStopped: (source) => {
        announcer.forget(source);
        observer.sourceGone(source);
      },
      onActorError: (source, error) =>
        log.error({ ...sourceField(source), err: error }, 'The actor of a source died of an error.'),
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
  { cluster, authorities, challenges, ownership, orders, revocations, placeholders, observer }: ActorsOptions,
  own: {
    readonly vault: Vault;
    readonly issued: IssuedCertificates;
    readonly renewals: RenewalPolls;
    readonly slots: Rounds;
  },
): Parameters<typeof createIngressLogic>[0]['steps'] {
  const { ca, rehearsal } = authorities;
  const { events, secrets } = cluster;
  return {
    solvers: challenges.solvers,
    ...own,
    ca,
    account: ca.account,
    holders: ownership.holders,
    journal: orders,
    revocations,
    rehearsal,
    trial: trialCertificate({
      pairs: new TrialPairs(),
      policy: assessmentPolicy(config),
      keyType: config.keyType,
      clock,
    }),
    keystores: new Keystores(secrets),
    placeholders,
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
