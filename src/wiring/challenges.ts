import type { Server } from 'node:http';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { AccountStore } from '../acme/account/account.ts';
import { ChallengeIngresses } from '../challenges/http-01/challenge-ingress/challenge-ingress.ts';
import { IngressClasses } from '../challenges/http-01/ingress-class.ts';
import { createResponder } from '../challenges/http-01/responder.ts';
import { awaitReachable } from '../challenges/http-01/self-check/reachability.ts';
import type { Verdict } from '../challenges/http-01/self-check/self-check.ts';
import { SelfCheckMemory } from '../challenges/http-01/self-check/self-check-memory.ts';
import { pathTypeOf, selfCheckSettings } from '../config/policies.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** Told how the self-check of a host goes on. */
export interface SelfCheckObserver {
  checking(input: CertificateInput, host: string): void;
  verdict(input: CertificateInput, host: string, verdict: Verdict, isLast: boolean): void;
}

/** HTTP-01: the rules that lead challenges to us, who answers them, and the look from outside before an order. */
export interface Challenges {
  readonly challengeIngresses: ChallengeIngresses;
  readonly ingressClasses: IngressClasses;
  readonly responder: Server;
  checkHost(host: string, thumbprint: string, signal: AbortSignal, input: CertificateInput): Promise<Verdict>;
  hasAnswered(host: string): boolean;
}

export function setUpChallenges(
  runtime: Runtime,
  { client }: Cluster,
  account: Pick<AccountStore, 'thumbprint'>,
  observer: SelfCheckObserver,
): Challenges {
  const { config, clock, log, userAgent } = runtime;
  const challengeIngresses = createChallengeIngresses(runtime, client);
  const selfChecks = new SelfCheckMemory(clock);
  return {
    challengeIngresses,
    ingressClasses: new IngressClasses({ client, clock }),
    responder: createResponder({
      thumbprint: () => account.thumbprint(),
      hasHost: (host) => challengeIngresses.has(host),
      refresh: () => challengeIngresses.refresh(),
      onError: (error) =>
        log.warn(error, 'The responder could not look for a host in the challenge Ingresses.'),
      clock,
    }),
    async checkHost(host, thumbprint, signal, input) {
      observer.checking(input, host);
      const onVerdict = (verdict: Verdict) => observer.verdict(input, host, verdict, false);
      const settings = { ...selfCheckSettings(config, userAgent, clock), thumbprint, onVerdict };
      const seen = await awaitReachable(host, settings, signal);
      const verdict = selfChecks.judge(host, seen, input.answered?.includes(host));
      observer.verdict(input, host, verdict, true);
      return verdict;
    },
    hasAnswered: (host) => selfChecks.hasAnswered(host),
  };
}

function createChallengeIngresses(
  { config, clock, signal, log }: Runtime,
  client: Cluster['client'],
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
