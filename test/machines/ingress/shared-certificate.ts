import assert from 'node:assert/strict';
import { assess } from '../../../machines/assessment/assessment.ts';
import type { AssessmentPolicy } from '../../../machines/assessment/defects.ts';
import type { Omission } from '../../../machines/assessment/rescue.ts';
import type { SecretFacts } from '../../../machines/assessment/secret-facts.ts';
import type { CertificateInput, CertificateOutcome } from '../../../machines/ingress/certificate.ts';
import {
  type IngressContext,
  recheckTime,
  roundsOf,
  wakeTime,
} from '../../../machines/ingress/ingress-context.ts';
import {
  applyAssessments,
  applyOutcome,
  applyPhase,
  applyWake,
  initialIngressContext,
} from '../../../machines/ingress/ingress-updates.ts';
import { type CertificateEntry, type StatusDocument, statusOf } from '../../../machines/ingress/status.ts';
import type { Failure } from '../../../machines/reasons/reasons.ts';
import { StepError } from '../../../machines/reasons/step-error.ts';
import { earliest } from '../../../machines/time/earliest.ts';
import type { HostVerdict } from '../../../src/challenges/challenge-solver.ts';
import { provisionChallenge } from '../../../src/steps/provision-challenge.ts';
import { noUnfinishedOrders } from '../../journal/memory-journal.ts';
import { noHolders } from '../../ownership/no-holders.ts';
import { noTrial } from '../../steps/no-trial.ts';
import {
  assignment,
  certificateFacts,
  day,
  desiredCertificate,
  hour,
  nobodyRecorded,
  now,
  route,
  secretFacts,
} from '../builders.ts';

/** `refused by the CA`: it answers us, but not the CA. `silent`: no answer from inside, a good one for the CA. */
export type HostState = 'alive' | 'wrong answer' | 'refused by the CA' | 'silent';

export interface Order {
  readonly at: number;
  readonly hosts: readonly string[];
  readonly rescue: boolean;
  readonly failed: boolean;
  /** Hosts that were left out before. */
  readonly returned: readonly string[];
  /** How often these had passed in a row. */
  readonly passes: ReadonlyMap<string, number>;
}

const policy: AssessmentPolicy = {
  minimumValidity: 30 * day,
  directory: 'https://ca.example/',
  staging: false,
};

/** One Ingress with one certificate of several hosts through the years: the machine's decisions, the real self-check rule, no timers. */
export class SharedCertificate {
  readonly hosts = new Map<string, HostState>();
  readonly orders: Order[] = [];
  /** What the next rounds are told in place of an order. */
  readonly refusals: Failure[] = [];
  time = now;
  /** How often a check found the certificate expired. */
  expired = 0;
  readonly #names: readonly string[];
  readonly #lifetime: number;
  readonly #passes = new Map<string, number>();
  readonly #unfinished = noUnfinishedOrders();
  #context: IngressContext;
  #status: StatusDocument | undefined;
  #certificate: { readonly notBefore: number; readonly dnsNames: readonly string[] } | undefined;
  #omission: Omission | undefined;

  constructor(names: readonly string[], lifetime: number) {
    this.#names = names;
    this.#lifetime = lifetime;
    this.#context = this.#begin();
  }

  covered(): readonly string[] {
    return this.#certificate?.dnsNames ?? [];
  }

  /** What the status says of the Secret. */
  status(): CertificateEntry {
    const entry = statusOf(this.#context, this.#status).secrets['web-tls'];
    assert.ok(entry);
    return entry;
  }

  restart(): void {
    this.#status = statusOf(this.#context, this.#status);
    this.#context = this.#begin();
  }

  /** Lives on until then. */
  async run(until: number): Promise<void> {
    for (let steps = 0; this.time < until; steps += 1) {
      assert.ok(steps < 20_000, 'it never rests');
      await this.#check();
      this.time = Math.max(this.time + 1, Math.min(this.#wakeTime() ?? until, until));
      this.#context = applyWake(this.#context, this.time);
    }
  }

  #wakeTime(): number | undefined {
    return earliest([wakeTime(this.#context), recheckTime(this.#context)]);
  }

  #begin(): IngressContext {
    const desired = desiredCertificate({ hosts: this.#names.map((name) => route(name)) });
    return initialIngressContext({
      key: 'Ingress/shop/web',
      uid: 'uid',
      assignment: { ...assignment([]), desired: [desired] },
      policy: { checkInterval: 8 * hour, minimumValidity: policy.minimumValidity },
      status: this.#status,
      at: this.time,
    });
  }

  #secret(): SecretFacts {
    if (this.#certificate === undefined) return { kind: 'absent' };
    const { notBefore, dnsNames } = this.#certificate;
    const notAfter = notBefore + this.#lifetime;
    if (this.time >= notAfter) this.expired += 1;
    return secretFacts({
      directory: policy.directory,
      omission: this.#omission,
      certificate: certificateFacts({ notBefore, notAfter, dnsNames }),
    });
  }

  async #check(): Promise<void> {
    const [record] = this.#context.certificates;
    assert.ok(record);
    const { desired } = record;
    const assessment = assess(desired, this.#secret(), policy, nobodyRecorded, this.time);
    const result = { kind: 'assessed', secretName: desired.secretName, assessment } as const;
    this.#context = applyAssessments(this.#context, [result], this.time);
    const [round] = roundsOf(this.#context);
    if (round === undefined) return;
    const outcome = await this.#work(round);
    this.#context = applyOutcome(this.#context, desired.secretName, outcome, this.time);
  }

  async #work(round: CertificateInput): Promise<CertificateOutcome> {
    try {
      await provisionChallenge(
        {
          account: { ensureAccount: () => Promise.resolve({ thumbprint: 'thumbprint' }) },
          secrets: { proveWritable: () => Promise.resolve() },
          trial: noTrial,
          holders: noHolders,
          ...this.#unfinished,
          solvers: {
            expect: () => undefined,
            prepare: ({ hosts }) => Promise.resolve(hosts.map(({ host }) => this.#verdict(host))),
            recheck: () => Promise.resolve(undefined),
          },
          onNotice: () => undefined,
        },
        round,
        new AbortController().signal,
      );
    } catch (error) {
      if (error instanceof StepError) return { kind: 'failed', failure: error.failure };
      throw error;
    }
    this.#context = applyPhase(this.#context, round.desired.secretName, 'validating', this.time);
    return this.#order(round);
  }

  #verdict(host: string): HostVerdict {
    const state = this.hosts.get(host) ?? 'alive';
    if (state === 'silent') return { host, kind: 'unknown', message: `Host ${host} is silent.` };
    const passes = state === 'wrong answer' ? 0 : (this.#passes.get(host) ?? 0) + 1;
    this.#passes.set(host, passes);
    return state === 'wrong answer'
      ? { host, kind: 'not-provable', code: 'SelfCheckFailed', message: `Host ${host} answers 404.` }
      : { host, kind: 'provable' };
  }

  #order({ hosts, rescue = false, reason, omission, returning }: CertificateInput): CertificateOutcome {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return { kind: 'failed', failure: refusal };
    const names = hosts.map(({ host }) => host);
    const passes = new Map(this.#passes);
    const dead = names.filter((host) => this.hosts.get(host) === 'refused by the CA');
    const failed = dead.length > 0;
    const returned = returning?.hosts ?? [];
    this.orders.push({ at: this.time, hosts: names, rescue, failed, returned, passes });
    if (failed) {
      const message = `The CA could not validate ${dead.join(', ')}.`;
      return { kind: 'failed', failure: { code: 'ChallengeFailed', message, hosts: dead, orderMade: true } };
    }
    this.#certificate = { notBefore: this.time, dnsNames: names };
    this.#omission = omission ?? this.#omission;
    const validity = { notBefore: this.time, notAfter: this.time + this.#lifetime };
    return { kind: 'stored', reason, validity };
  }
}
