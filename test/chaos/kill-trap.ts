import { setTimeout as pause } from 'node:timers/promises';
import type { CaAnswer, CaRequest } from '../ca/exchange.ts';
import type { Answer, Passage } from '../controller-failures/faulty-proxy.ts';
import type { ServiceCall } from './dns-providers.ts';
import type { Point } from './kill-points.ts';
import type { Step, Steps } from './kill-steps.ts';

/** A process that can be killed or stopped at once. */
export interface Victim {
  kill(): void;
  /** SIGSTOP */
  pause(): void;
}

/** Milliseconds that a process has after the answer, if it asks for nothing else. */
const lastBreath = 300;

/** Watches the requests of an issuance, and kills or stops the process that makes one of them. */
export class Trap<T extends Victim> {
  /** The requests, in their order. */
  readonly seen: Step[] = [];
  readonly #steps: Steps;
  readonly #point: Omit<Point, 'scenario'> | undefined;
  readonly #isOwn: (certificateId: string) => boolean;
  readonly #sprung = Promise.withResolvers<T>();
  readonly #takenOver = Promise.withResolvers<void>();
  #isSet = true;
  #doomed: T | undefined;
  /** Who has made the last request of the issuance. */
  #last: T | undefined;
  #late: Promise<unknown> = Promise.resolve();

  /**
   * @param point undefined: only watches
   * @param isOwn whether the certificate with this id (RFC 9773 section 4.1) is the subject's
   */
  constructor(
    steps: Steps,
    point: Omit<Point, 'scenario'> | undefined,
    isOwn: (certificateId: string) => boolean,
  ) {
    this.#steps = steps;
    this.#point = point;
    this.#isOwn = isOwn;
  }

  /** Resolves when the process has been killed or stopped. */
  get sprung(): Promise<T> {
    return this.#sprung.promise;
  }

  /** Another process leads: what is late arrives, and what is held is answered. Resolves when the server has answered. */
  async takenOver(): Promise<void> {
    this.#takenOver.resolve();
    // The server may have refused it, which is its right.
    await this.#late.catch(() => undefined);
  }

  /** For `FaultyProxy.interfere` of the process. */
  apiRequest(from: T, passage: Passage): Promise<Answer | 'hang-up'> | undefined {
    const isPoint = this.#watch(from, this.#steps.ofApiServer(passage));
    if (from === this.#doomed) {
      this.#kill(from);
      return Promise.resolve('hang-up');
    }
    return isPoint ? this.#meet<Answer | 'hang-up'>(from, passage.forward, 'hang-up') : undefined;
  }

  /** For `CaServerOptions.around`. */
  async caRequest(from: T, request: CaRequest, handle: () => Promise<CaAnswer>): Promise<CaAnswer> {
    const reset: CaAnswer = { status: 0, headers: {}, body: '', broken: 'reset' };
    const step = this.#steps.ofCa(request, this.#isOwn);
    const isPoint = this.#watch(from, step);
    if (from === this.#doomed) {
      this.#kill(from);
      return reset;
    }
    const forward = async (): Promise<CaAnswer> => {
      const answer = await handle();
      if (step !== undefined) this.#steps.learn(answer);
      return answer;
    };
    return isPoint ? this.#meet(from, forward, reset) : forward();
  }

  /** For `DnsProviders.aroundCall`. */
  async dnsCall(from: T, call: Pick<ServiceCall, 'path' | 'body'>, handle: () => void): Promise<boolean> {
    const isPoint = this.#watch(from, this.#steps.ofDnsService(call));
    if (from === this.#doomed) {
      this.#kill(from);
      return false;
    }
    const forward = (): Promise<boolean> => {
      handle();
      return Promise.resolve(true);
    };
    return isPoint ? this.#meet(from, forward, false) : forward();
  }

  /**
   * For `ZoneServer.aroundUpdate`. A name server can't tell the processes of one machine from one another: it is the one that has made the
   * request before.
   */
  async dnsUpdate(
    changes: readonly { readonly name: string; readonly action: string }[],
    handle: () => Buffer,
  ): Promise<Buffer | undefined> {
    const from = this.#last;
    if (from === undefined) return handle();
    const isPoint = this.#watch(from, this.#steps.ofNameServer(changes));
    if (from === this.#doomed) {
      this.#kill(from);
      return undefined;
    }
    const forward = (): Promise<Buffer | undefined> => Promise.resolve(handle());
    return isPoint ? this.#meet(from, forward, undefined) : forward();
  }

  /** Whether this is the point. */
  #watch(from: T, step: Step | undefined): boolean {
    if (step === undefined || from === this.#doomed) return false;
    this.#last = from;
    this.seen.push(step);
    const point = this.#point;
    if (!this.#isSet || point?.step !== step.name) return false;
    if (this.seen.filter(({ name }) => name === step.name).length !== point.occurrence) return false;
    this.#isSet = false;
    return true;
  }

  async #meet<A>(from: T, forward: () => Promise<A>, hangUp: A): Promise<A> {
    switch (this.#point?.moment) {
      case 'lost':
        await forward();
        break;
      case 'after': {
        const answer = await forward();
        this.#doomed = from;
        void pause(lastBreath).then(() => this.#kill(from));
        return answer;
      }
      case 'held': {
        const answer = await forward();
        from.pause();
        this.#sprung.resolve(from);
        await this.#takenOver.promise;
        return answer;
      }
      case 'late':
        this.#late = this.#takenOver.promise.then(forward);
        this.#late.catch(() => undefined);
        break;
      default:
    }
    this.#kill(from);
    return hangUp;
  }

  #kill(victim: T): void {
    victim.kill();
    this.#sprung.resolve(victim);
  }
}
