import assert from 'node:assert/strict';
import { type AnyActorRef, createActor, fromCallback, fromPromise, fromTransition } from 'xstate';
import type { DueReason } from '../../machines/assessment/defects.ts';
import type { Validity } from '../../machines/assessment/renewal.ts';
import {
  type CertificateInput,
  certificateMachine,
  type StepResult,
} from '../../machines/ingress/certificate.ts';
import { type CheckOutput, ingressMachine, type RoundEnd } from '../../machines/ingress/ingress.ts';
import type { CheckResult, IngressInput } from '../../machines/ingress/ingress-updates.ts';
import type { Assignment, DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { earliest } from '../../machines/time/earliest.ts';
import { day, hour, now } from './builders.ts';

/** An effect that was begun and waits for the test to end it. */
export interface Step<Output> {
  readonly signal: AbortSignal;
  resolve(output: Output): void;
  reject(error: Error): void;
}

/** The effects of one kind, in the order in which they were begun, each under the name of its Secret. */
class Steps<Output> {
  readonly #begun: { readonly name: string; readonly step: Step<Output> }[] = [];

  get count(): number {
    return this.#begun.length;
  }

  begin(name: string, signal: AbortSignal): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.#begun.push({ name, step: { signal, resolve, reject } });
    });
  }

  /** The last one begun under this name. */
  of(name: string): Step<Output> {
    const found = this.#begun.findLast((begun) => begun.name === name);
    assert.ok(found !== undefined, `no step was begun for ${name}`);
    return found.step;
  }
}

type RoundRequest = { readonly type: 'REQUEST_SLOT' } | { readonly type: 'RETURN_SLOT' };
type ActorError = { readonly type: `xstate.error.actor.${string}`; readonly error: unknown };
type ParentEvent =
  | SupervisorEvent
  | ActorError
  | { readonly type: 'START' }
  | { readonly type: 'STOP' }
  | { readonly type: 'xstate.stop' };

/** The world around the machines, in the hands of a test: no timer, every effect ends when the test says so. */
export class Issuance {
  readonly checks = new Steps<CheckOutput>();
  readonly provisions = new Steps<StepResult<undefined>>();
  readonly orders = new Steps<StepResult<string>>();
  readonly writes = new Steps<StepResult<Validity>>();
  /** What the rounds did, such as `enter web-tls`, `request-slot web-tls`, `leave web-tls`. */
  readonly log: string[] = [];
  readonly roundEnds: RoundEnd[] = [];
  readonly wakeTimes: (number | undefined)[] = [];
  /** Hosts whose pauses the Ingress said are lifted. */
  readonly lifted: string[] = [];
  readonly errors: ActorError[] = [];
  readonly #permits = new Map<string, (event: { type: 'ADMITTED' | 'SLOT_GRANTED'; at: number }) => void>();
  #checks = 0;

  readonly certificateMachine = certificateMachine.provide({
    actors: {
      round: fromCallback<RoundRequest, CertificateInput>(({ input, sendBack, receive }) => {
        const name = input.id.split('/')[1] ?? input.id;
        this.log.push(`enter ${name}`);
        this.#permits.set(name, sendBack);
        receive(({ type }) =>
          this.log.push(`${type === 'REQUEST_SLOT' ? 'request' : 'return'}-slot ${name}`),
        );
        return () => {
          this.log.push(`leave ${name}`);
        };
      }),
      provisionChallenge: fromPromise<StepResult<undefined>, CertificateInput>(({ input, signal }) =>
        this.provisions.begin(input.desired.secretName, signal),
      ),
      obtainCertificate: fromPromise<StepResult<string>, CertificateInput>(({ input, signal }) =>
        this.orders.begin(input.desired.secretName, signal),
      ),
      storeCertificate: fromPromise<StepResult<Validity>, CertificateInput & { readonly issued: string }>(
        ({ input, signal }) => this.writes.begin(input.desired.secretName, signal),
      ),
    },
  });

  readonly ingressMachine = ingressMachine.provide({
    actors: {
      certificate: this.certificateMachine,
      checkSecrets: fromPromise<CheckOutput, readonly DesiredCertificate[]>(({ input, signal }) => {
        this.#checks += 1;
        this.log.push(`check ${input.map(({ secretName }) => secretName).join(' ')}`);
        return this.checks.begin(`#${this.#checks}`, signal);
      }),
    },
    actions: {
      announceRoundEnd: (_, roundEnd) => this.roundEnds.push(roundEnd),
    },
  });

  /** The last check begun. */
  get check(): Step<CheckOutput> {
    return this.checks.of(`#${this.#checks}`);
  }

  admit(secretName: string, at = now): void {
    this.#permit(secretName, { type: 'ADMITTED', at });
  }

  grantSlot(secretName: string, at = now): void {
    this.#permit(secretName, { type: 'SLOT_GRANTED', at });
  }

  /** An Ingress `shop/web` under a parent that stands for the supervisor, at its first check. */
  async startIngress(assignment: Assignment) {
    const input = {
      key: 'Ingress/shop/web' as const,
      uid: 'uid',
      assignment,
      policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
      at: now,
    };
    let ingress: ReturnType<typeof this.createIngress> | undefined;
    const parent = createActor(
      fromTransition((state, event: ParentEvent, { self, stopChild }) => {
        if (event.type === 'START') {
          ingress = this.createIngress(self, input);
          ingress.start();
        } else if (event.type === 'STOP' && ingress !== undefined) stopChild(ingress);
        else if (event.type === 'WAKE_AT') this.wakeTimes.push(earliest([event.at, event.recheckAt]));
        else if (event.type === 'PAUSES_LIFTED') this.lifted.push(...event.hosts);
        else if ('error' in event) this.errors.push(event);
        return state;
      }, {}),
    );
    parent.start();
    parent.send({ type: 'START' });
    assert.ok(ingress !== undefined);
    const started = ingress;
    await settled();
    return {
      parent,
      ingress: started,
      stop: () => parent.send({ type: 'STOP' }),
      state: () => started.getSnapshot().value,
      context: () => started.getSnapshot().context,
    };
  }

  createIngress(parent: AnyActorRef, input: IngressInput) {
    return createActor(this.ingressMachine, { parent, id: 'Ingress/shop/web', input });
  }

  #permit(secretName: string, event: { type: 'ADMITTED' | 'SLOT_GRANTED'; at: number }): void {
    const permit = this.#permits.get(secretName);
    assert.ok(permit !== undefined, `no round was begun for ${secretName}`);
    permit(event);
  }
}

/** A check that found these Secrets missing. */
export function dueResult(
  desired: DesiredCertificate,
  harmAt = now,
  reason: DueReason = 'missing',
): CheckResult {
  const { secretName, hosts } = desired;
  return {
    kind: 'assessed',
    secretName,
    assessment: {
      kind: 'due',
      reason,
      message: `Secret ${secretName} does not exist.`,
      hosts,
      found: undefined,
      harmAt,
      purpose: 'first',
      exemption: 'none',
      notices: [],
    },
  };
}

/** A check that found a good certificate. */
export function goodResult({ secretName }: DesiredCertificate, renewAt = now + 50 * day): CheckResult {
  const notAfter = renewAt + 30 * day;
  return { kind: 'assessed', secretName, assessment: { kind: 'good', notAfter, renewAt, notices: [] } };
}

/** A certificate of 90 days that begins now. */
export const validity: Validity = { notBefore: now, notAfter: now + 90 * day };

/** Lets every promise that is settled run its course: the machines have no timer to wait for. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
