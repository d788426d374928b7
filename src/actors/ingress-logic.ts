import { certificateMachine } from '../../machines/ingress/certificate.ts';
import { ingressMachine } from '../../machines/ingress/ingress.ts';
import { type CheckSecretsOptions, checkSecretsLogic } from '../steps/check-secrets.ts';
import { type ObtainCertificateOptions, obtainCertificate } from '../steps/obtain-certificate.ts';
import { exemptionOf, unfinishedOrder } from '../steps/order-record.ts';
import { type ProvisionChallengeOptions, provisionChallenge } from '../steps/provision-challenge.ts';
import type { Rehearsal } from '../steps/rehearse-order.ts';
import { stepLogic } from '../steps/step.ts';
import { type StoreCertificateOptions, storeCertificate } from '../steps/store-certificate.ts';
import type { Clock } from '../time/clock.ts';
import type { Announcer } from './announcer.ts';
import type { RoundObserver } from './round-observer.ts';
import type { Rounds } from './rounds.ts';

export interface IngressLogicOptions {
  readonly rounds: Rounds;
  readonly clock: Clock;
  readonly announcer: Announcer;
  readonly observer: RoundObserver;
  readonly steps: CheckSecretsOptions &
    ProvisionChallengeOptions &
    ObtainCertificateOptions &
    StoreCertificateOptions & { readonly rehearsal?: Pick<Rehearsal, 'rehearse'> | undefined };
}

/** The Ingress machine with its effects provided. */
export function createIngressLogic({
  rounds,
  clock,
  announcer,
  observer,
  steps,
}: IngressLogicOptions): typeof ingressMachine {
  const certificate = certificateMachine.provide({
    actors: {
      round: rounds.logic((input) => exemptionOf(unfinishedOrder(steps, input), input)),
      provisionChallenge: stepLogic(clock, (input, signal) =>
        observer.provisioning(input, () => provisionChallenge(steps, input, signal)),
      ),
      obtainCertificate: stepLogic(clock, (input, signal) =>
        observer.obtaining(input, async () => {
          const isNew = unfinishedOrder(steps, input) === undefined;
          const { rehearsal, slots, solvers } = steps;
          if (isNew) await rehearsal?.rehearse(input, solvers.presenters(input), slots, signal);
          return obtainCertificate(steps, input, signal);
        }),
      ),
      storeCertificate: stepLogic(clock, (input, signal) =>
        observer.storing(input, () => storeCertificate(steps, input, signal)),
      ),
    },
  });
  return ingressMachine.provide({
    actors: { certificate, checkSecrets: checkSecretsLogic(steps) },
    actions: {
      announceFindings: ({ context }) => announcer.announceFindings(context),
      announceRoundEnd: ({ context }, roundEnd) => announcer.announceRoundEnd(context, roundEnd),
    },
  });
}
