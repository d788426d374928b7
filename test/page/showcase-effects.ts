import { fromPromise } from 'xstate';
import { assess } from '../../machines/assessment/assessment.ts';
import type { SecretFacts } from '../../machines/assessment/secret-facts.ts';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import {
  type CertificateInput,
  certificateMachine,
  type StoredValidity,
} from '../../machines/ingress/certificate.ts';
import { type CheckOutput, ingressMachine } from '../../machines/ingress/ingress.ts';
import type { DesiredCertificate, HostRoute } from '../../machines/ownership/desired-certificate.ts';
import type { Rounds } from '../../src/actors/rounds.ts';
import { OrderReports } from '../../src/authority/order-reports.ts';
import type { HostVerdict, Preparation, PreparationReport } from '../../src/challenges/challenge-solver.ts';
import type { HostProgressWriter } from '../../src/inspector/history/host-progress.ts';
import { provisionChallenge } from '../../src/steps/provision-challenge.ts';
import { stepLogic } from '../../src/steps/step.ts';
import { type Clock, sleep } from '../../src/time/clock.ts';
import { ordersIn, unendedJournal } from '../journal/unended-journal.ts';
import { noHolders } from '../ownership/no-holders.ts';
import { noTrial } from '../steps/no-trial.ts';

export const directory = 'https://acme-v02.api.letsencrypt.org/directory';

/** How far the rounds of a Secret come: they are in the midst of this, or end like that. */
export type Fate = 'check' | 'self-check' | 'prove' | 'store' | 'wrong-answer';

/** What is to be found in a Secret, and what becomes of its rounds. */
export interface Plan {
  readonly facts: SecretFacts;
  readonly fate?: Fate;
}

export interface ShowcaseEffects {
  readonly clock: Clock;
  readonly rounds: Rounds;
  readonly progress: HostProgressWriter;
  /** By `namespace/secret`. */
  readonly plans: ReadonlyMap<string, Plan>;
  readonly report: (report: OrderReport) => void;
}

const policy = { minimumValidity: 30 * 86_400_000, directory, staging: false };

/** The Ingress machine in a world in which the API server and the CA do as it is planned. */
export function showcaseLogic({
  clock,
  rounds,
  progress,
  plans,
  report,
}: ShowcaseEffects): typeof ingressMachine {
  const planOf = ({ namespace, secretName }: DesiredCertificate): Plan =>
    plans.get(`${namespace}/${secretName}`) ?? { facts: { kind: 'absent' } };
  const steps = {
    account: { ensureAccount: () => Promise.resolve({ thumbprint: 'thumbprint' }) },
    secrets: { proveWritable: () => Promise.resolve() },
    trial: noTrial,
    holders: noHolders,
    ...ordersIn(unendedJournal(new AbortController().signal)),
    onNotice: () => undefined,
  };
  const prove = async (input: CertificateInput, { host }: HostRoute): Promise<HostVerdict> => {
    const report = (change: Omit<PreparationReport, 'host'>): void =>
      progress.preparation(input.id, { host, ...change });
    report({ step: 'route', state: 'done' });
    report({ step: 'self-check', state: 'running' });
    const { fate } = planOf(input.desired);
    if (fate === 'self-check') await forever();
    await sleep(clock, fate === 'wrong-answer' ? 8000 : 1200);
    report({ step: 'dns', state: 'done' });
    if (fate !== 'wrong-answer') {
      report({ step: 'self-check', state: 'done' });
      return { host, kind: 'provable' };
    }
    const message = `Host ${host} answers the challenge with status 404 from 203.0.113.7: the challenge rule is not in effect there, or another server was asked.`;
    report({ step: 'self-check', state: 'failed', detail: message });
    return { host, kind: 'not-provable', code: 'SelfCheckFailed', message };
  };
  const solversOf = (input: CertificateInput) => ({
    expect: () => undefined,
    recheck: () => Promise.resolve(undefined),
    async prepare({ hosts }: Preparation) {
      await sleep(clock, 900);
      return Promise.all(hosts.map((route) => prove(input, route)));
    },
  });

  const certificate = certificateMachine.provide({
    actors: {
      round: rounds.logic(({ exemption }) => exemption),
      provisionChallenge: stepLogic(clock, (input, signal) =>
        progress.provisioning(input, () =>
          provisionChallenge({ ...steps, solvers: solversOf(input) }, input, signal),
        ),
      ),
      obtainCertificate: stepLogic(clock, (input) => progress.obtaining(input, () => order(input))),
      storeCertificate: stepLogic(clock, (input) => progress.storing(input, () => forever<StoredValidity>())),
    },
  });
  return ingressMachine.provide({
    actors: {
      certificate,
      checkSecrets: fromPromise<CheckOutput, readonly DesiredCertificate[]>(async ({ input }) => {
        await sleep(clock, 600);
        if (input.some((desired) => planOf(desired).fate === 'check')) await forever();
        const results = input.map((desired) => {
          const assessment = assess(desired, planOf(desired).facts, policy, () => undefined, clock.now());
          return { kind: 'assessed', secretName: desired.secretName, assessment } as const;
        });
        return { at: clock.now(), results };
      }),
    },
  });

  async function order({ id, desired, hosts }: CertificateInput): Promise<string> {
    const names = hosts.map(({ host }) => host);
    const reports = new OrderReports(id, names, (told) => {
      progress.order(told);
      report(told);
    });
    reports.enters('ordering');
    await sleep(clock, 800);
    reports.made();
    reports.enters('proving');
    for (const [index, host] of names.entries()) {
      await sleep(clock, 700);
      progress.authorization(id, { host, status: 'answered' });
      // One host after the other, and the last one is not done yet.
      if (index === names.length - 1 && planOf(desired).fate === 'prove') await forever();
      await sleep(clock, 1500);
      progress.authorization(id, { host, status: 'valid' });
    }
    reports.enters('finalizing');
    await sleep(clock, 1000);
    reports.enters('downloading');
    return id;
  }
}

function forever<Value = never>(): Promise<Value> {
  return new Promise(() => undefined);
}
