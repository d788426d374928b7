import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { createActor, type InspectionEvent } from 'xstate';
import { byClock, describeHold } from '../machines/ingress/hold.ts';
import { ingressKey } from '../machines/ownership/ingress-spec.ts';
import { second } from '../machines/time/durations.ts';
import { RenewalInfoSource } from './acme/order/renewal-info.ts';
import { installAdapter } from './acme/transport/adapter.ts';
import { ClockWatch } from './acme/transport/clock-watch.ts';
import { userAgent } from './acme/transport/transport.ts';
import { Announcer } from './actors/announcer.ts';
import { createIngressLogic } from './actors/ingress-logic.ts';
import { Rounds } from './actors/rounds.ts';
import { createSupervisorLogic, type IngressActor } from './actors/supervisor-actor.ts';
import { IssuedCertificates } from './certificate/issued-certificates.ts';
import { Vault } from './certificate/vault.ts';
import { ChallengeIngresses } from './challenges/http-01/challenge-ingress/challenge-ingress.ts';
import { IngressClasses } from './challenges/http-01/ingress-class.ts';
import { createResponder } from './challenges/http-01/responder.ts';
import { awaitReachable } from './challenges/http-01/self-check/reachability.ts';
import type { Verdict } from './challenges/http-01/self-check/self-check.ts';
import { SelfCheckMemory } from './challenges/http-01/self-check/self-check-memory.ts';
import type { Config } from './config/config.ts';
import { usualAnnotationKey } from './config/options.ts';
import { HostJournal } from './inspector/host-journal.ts';
import { HostProgressWriter } from './inspector/host-progress.ts';
import { createKubernetesClient, type KubernetesClient } from './kubernetes/client/client.ts';
import { KubernetesAccountSecret } from './kubernetes/records/account-record.ts';
import { EventRecorder } from './kubernetes/records/events.ts';
import { IngressStatusWriter } from './kubernetes/records/ingress-status.ts';
import { KubernetesLedgerDocuments } from './kubernetes/records/ledger-documents.ts';
import { SecretStore } from './kubernetes/records/secret-store.ts';
import { BacklogWatch } from './ledger/backlog-watch.ts';
import { MetricsEndpoint } from './metrics/endpoint.ts';
import { createHealthServer, type Readiness } from './metrics/health.ts';
import { Metrics } from './metrics/metrics.ts';
import { ProcessSamples } from './metrics/process-samples.ts';
import { takeSamples } from './metrics/sample-sources.ts';
import { guarded } from './process/guarded.ts';
import { close, type Listener, listen } from './process/listening.ts';
import { watchIngresses } from './sources/ingress-watch.ts';
import { watchSecrets } from './sources/secret-watch.ts';
import { StepError } from './steps/failures.ts';
import { pauseLinkEvent } from './steps/pause-link.ts';
import { RenewalWatch } from './steps/renewal-watch.ts';
import { type Clock, settleWithin, sleep } from './time/clock.ts';
import { createAccountStore, readAccount } from './wiring/account-setup.ts';
import { setUpCa } from './wiring/ca-setup.ts';
import { createInspector } from './wiring/inspector-setup.ts';
import {
  assessmentPolicy,
  lifetimesOf,
  pathTypeOf,
  selfCheckSettings,
  supervisorPolicy,
} from './wiring/policies.ts';
import { createRehearsal } from './wiring/rehearsal-setup.ts';

export interface ControllerOptions {
  readonly config: Config;
  readonly kubeConfig: KubeConfig;
  readonly log: Logger;
  readonly clock: Clock;
  /** Sees everything that happens among the actors. */
  readonly inspect?: (event: InspectionEvent) => void;
}

/** Milliseconds within the pod's 30 seconds of grace: orders that have begun may end, then the rules are taken out. */
const drainLimit = 20 * second;
const cleanUpLimit = 4 * second;

export interface Controller {
  /** Finishes the orders that have begun, within a time limit, begins nothing new, and leaves nothing half-written. */
  stop(): Promise<void>;
}

/**
 * kube-lego at work, until it is stopped. Resolves when its servers listen; the API server and the CA may be away then,
 * and at any time after.
 *
 * @throws Error when a port is taken, or the CA bundle cannot be used; nothing stays open then
 */
export async function startController({
  config,
  kubeConfig,
  log,
  clock,
  inspect,
}: ControllerOptions): Promise<Controller> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const agent = userAgent(config.version);
  const metrics = new Metrics();
  const client = createKubernetesClient(kubeConfig, {
    userAgent: agent,
    clock,
    onRequest: (report) => metrics.apiRequest(report),
  });
  installAdapter();
  const clockWatch = new ClockWatch(log);
  const { transport, ledgerClock, ledger, budget, keeper, orderTurns } = setUpCa({
    directoryUrl: config.directoryUrl,
    rateLimits: config.rateLimits,
    documents: new KubernetesLedgerDocuments(client, config.namespace, 'orders'),
    userAgent: agent,
    caBundle: config.caBundle,
    clock,
    signal,
    log,
    onRequest: (report, { clockWarning }) => {
      metrics.acmeRequest(report);
      clockWatch.observe(clockWarning);
    },
  });
  const accountSecret = new KubernetesAccountSecret(client, config.namespace, config.accountSecretName);
  const account = createAccountStore(config, accountSecret, transport, clock, log, {
    beforeAsking: () => {
      const caNow = ledgerClock.now();
      const hold = budget.askedWait(caNow);
      if (hold !== undefined) throw new StepError(describeHold(byClock(hold, caNow, clock.now())));
    },
    onTrouble: (retryAfter) => {
      supervisor.send({ type: 'CA_TROUBLED', id: 'registration', retryAfter });
      if (retryAfter !== undefined) keeper.refused();
    },
  });
  const challengeIngresses = createChallengeIngresses(config, client, clock, signal, log);
  const events = new EventRecorder({
    client,
    clock,
    onError: (error) => log.warn(error, 'An Event was not written.'),
  });
  const rehearsal = createRehearsal(config, {
    client,
    store: accountSecret,
    agent,
    clock,
    signal,
    log,
    publish: (event) => events.publish(event),
  });

  const status = new IngressStatusWriter({
    client,
    clock,
    handedBy: config.annotationKey === usualAnnotationKey ? undefined : config.annotationKey,
    found: (key) => reflectors.map((reflector) => reflector.get(key)).find(Boolean)?.status,
    onError: (error) => log.warn(error, 'The status of an Ingress was not written.'),
  });

  const vault = new Vault();
  const issued = new IssuedCertificates(vault);
  const journal = new HostJournal(() => clock.now());
  const progress = new HostProgressWriter(journal);
  const secrets = new SecretStore(client);
  const renewalInfo = new RenewalInfoSource({ transport, directoryUrl: config.directoryUrl, clock });
  const rounds = new Rounds(
    (event) => supervisor.send(event),
    (id) => {
      journal.end(id);
      challengeIngresses.release(id);
      issued.release(id);
    },
  );
  const selfChecks = new SelfCheckMemory(clock);
  const actors = new Map<string, IngressActor>();
  const logic = createIngressLogic({
    rounds,
    clock,
    announcer: new Announcer(events, status, log),
    progress,
    steps: {
      rehearsal,
      account,
      transport,
      ledger: keeper,
      orderTurns,
      countAs: (id, exemption) => {
        const caNow = ledgerClock.now();
        const hold = budget.countAs(id, exemption, caNow);
        return hold && byClock(hold, caNow, clock.now());
      },
      renewals: new RenewalWatch({
        source: renewalInfo,
        secrets,
        directory: config.directoryUrl,
        budget,
        ledgerClock,
        clock,
      }),
      onPause: (link, input) => events.publish(pauseLinkEvent(input, link)),
      onOrderReport: (report) => {
        metrics.orderReport(report);
        progress.order(report);
        supervisor.send(report);
      },
      onAuthorization: (id, report) => progress.authorization(id, report),
      vault,
      issued,
      challengeIngresses,
      clock,
      onNotice: (notice, { ingress, desired }) => log.warn({ ingress, secret: desired.secretName }, notice),
      secrets,
      hasAnswered: (host) => selfChecks.hasAnswered(host),
      ingressClasses: new IngressClasses({ client, clock }),
      policy: assessmentPolicy(config),
      keyType: config.keyType,
      profile: config.profile,
      preferredChain: config.preferredChain,
      checkHost: async (host, thumbprint, stepSignal, input) => {
        progress.checking(input, host);
        const onVerdict = (verdict: Verdict) => progress.verdict(input, host, verdict, false);
        const settings = { ...selfCheckSettings(config, agent, clock), thumbprint, onVerdict };
        const seen = await awaitReachable(host, settings, stepSignal);
        const verdict = selfChecks.judge(host, seen, input.answered?.includes(host));
        progress.verdict(input, host, verdict, true);
        return verdict;
      },
    },
  });
  const supervisor = createActor(
    createSupervisorLogic({
      policy: supervisorPolicy(config),
      budget,
      ingressMachine: logic,
      rounds,
      actors,
      clock,
      ledgerClock,
      onPausesLifted: (hosts) => {
        keeper.changed();
        rehearsal?.liftPauses(hosts);
      },
      onStopped: (ingress) => journal.forget(ingress),
      onActorError: (ingress, error) =>
        log.error({ ingress, err: error }, 'The actor of an Ingress died of an error.'),
    }),
    {
      id: 'supervisor',
      ...(inspect === undefined
        ? {}
        : { inspect: guarded(inspect, (error) => log.error(error, 'Who inspects the actors failed.')) }),
    },
  );

  let accountRead = false;
  const responder = createResponder({
    thumbprint: () => account.thumbprint(),
    hasHost: (host) => challengeIngresses.has(host),
    refresh: () => challengeIngresses.refresh(),
    onError: (error) =>
      log.warn(error, 'The responder could not look for a host in the challenge Ingresses.'),
    clock,
  });
  const ready = () => readiness(accountRead, challengeIngresses.synced);
  const process = new ProcessSamples(config.version);
  const health = createHealthServer({
    ready,
    metrics: new MetricsEndpoint({
      contentType: metrics.contentType,
      text: () =>
        metrics.text(
          takeSamples({
            clock,
            ledgerClock,
            ingresses: () => actors.values().map((actor) => actor.getSnapshot()),
            ordersInFlight: () => supervisor.getSnapshot().context.admission.ordersInFlight,
            ordersInFlightLimit: config.maxOrdersInFlight,
            ledger,
            rateLimits: config.rateLimits,
            budget,
            clockSkew: () => transport.clockSkew,
            ingressReflectors: () => reflectors.map(({ state }) => state),
            challengeReflector: () => challengeIngresses.state,
            ready: () => ready().ok,
            process,
          }),
        ),
      onError: (error) => log.error(error, 'The metrics cannot be read.'),
    }),
  });
  const { version, statelyInspector: stately } = config;
  const backlogWatch = new BacklogWatch({
    look: () => {
      const { backlog } = supervisor.getSnapshot().context.admission;
      return backlog.length === 0 ? undefined : budget.backlog(backlog, ledgerClock.now());
    },
    clock,
    log,
  });
  const backlog = () => backlogWatch.current;
  const lifetimes = lifetimesOf(config);
  const observed = {
    version,
    stately,
    backlog,
    lifetimes,
    supervisor,
    actors,
    journal,
    ledger,
    budget,
    secrets,
  };
  const inspector = createInspector({ ...observed, clock, ledgerClock, log });
  const listeners: readonly Listener[] = [
    { server: responder, port: config.port },
    { server: health, port: config.healthPort },
    { server: inspector.server, port: config.inspectorPort, host: '127.0.0.1' },
  ];
  const end = async (): Promise<void> => {
    stopping.abort();
    inspector.stop();
    backlogWatch.stop();
    process.stop();
    await close(listeners);
    await Promise.all([client.close(), transport.close(), rehearsal?.close()]);
  };
  try {
    await listen(listeners);
  } catch (error) {
    await end();
    throw error;
  }

  supervisor.start();
  challengeIngresses.start();
  const reflectors = watchIngresses(config, client, clock, signal, log, (event) => {
    if (event.type === 'INGRESS_OBSERVED') {
      const { ingress } = event;
      const key = ingressKey(ingress);
      status.seen(key, ingress.status);
      // Also where there is no actor: the annotation may have gone while nobody was here to see it.
      if (!ingress.enabled) status.retract(key, ingress.uid);
    }
    supervisor.send(event);
  });
  const secretReflectors = watchSecrets(config, client, clock, signal, log, (event) =>
    supervisor.send(event),
  );
  void Promise.all([keeper.restore(), rehearsal?.restore()]).then(
    () => supervisor.send({ type: 'LEDGER_READ' }),
    () => undefined,
  );
  void readAccount(account, clock, signal, log).then(
    () => {
      accountRead = true;
    },
    () => undefined,
  );
  log.info(
    { directory: config.directoryUrl, namespace: config.namespace },
    `kube-lego ${config.version} is running.`,
  );

  return {
    async stop() {
      supervisor.send({ type: 'DRAIN' });
      const limit = clock.now() + drainLimit;
      while (rounds.ordered > 0 && clock.now() < limit) await sleep(clock, 50);
      supervisor.stop();
      await settleWithin(clock, cleanUpLimit, (cleanUp) => [
        challengeIngresses.removeAll(cleanUp),
        events.drain(cleanUp),
        status.drain(cleanUp),
        Promise.allSettled([keeper.drain(), rehearsal?.drain()]),
      ]);
      await end();
      await Promise.all([...reflectors, ...secretReflectors].map((reflector) => reflector.stopped()));
    },
  };
}

function createChallengeIngresses(
  config: Config,
  client: KubernetesClient,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
): ChallengeIngresses {
  return new ChallengeIngresses({
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
    onError: (error) => log.warn(error, 'The challenge Ingress is not as it should be; it is tried again.'),
  });
}

function readiness(accountRead: boolean, challengesSynced: boolean): Readiness {
  if (!accountRead) return { ok: false, detail: 'waiting for the account Secret to be read' };
  if (!challengesSynced) return { ok: false, detail: 'waiting for the challenge Ingresses to be listed' };
  return { ok: true, detail: 'ready' };
}
