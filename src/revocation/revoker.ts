import { sentences } from '../../machines/reasons/sentences.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import {
  forbidsServing,
  isEnded,
  nextStep,
  type RevocationState,
  revocationReasons,
  type ServedSecret,
  signersOf,
} from '../../machines/revocation/revocation.ts';
import { second } from '../../machines/time/durations.ts';
import { pauseAfter, transientLadder } from '../../machines/time/ladder.ts';
import type { Revocable } from '../acme/account/account.ts';
import { AccountError } from '../acme/account/account-error.ts';
import { type AccountKey, readAccountKey } from '../acme/protocol/account-key.ts';
import { AcmeProblem, isLastingRefusal } from '../acme/transport/problem.ts';
import { certificateOf } from '../certificate/pem.ts';
import { KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import { type Clock, sleep } from '../time/clock.ts';
import type { RevocationEntry } from './revocation-entry.ts';
import type { RevocationRegister } from './revocation-register.ts';

export interface RevokerOptions {
  readonly register: RevocationRegister;
  /** Asks the CA; throws AcmeProblem, AccountError, StepError, KubernetesError, or the signal's reason. */
  readonly revoke: (certificate: Revocable, signal: AbortSignal) => Promise<void>;
  /** Reads the Secret of the certificate. */
  readonly look: (entry: RevocationEntry, signal: AbortSignal) => Promise<ServedSecret>;
  /** The Secret is to be checked at once: its certificate must not be served any more. */
  readonly onForbidden: (entry: RevocationEntry) => void;
  /** A revocation has ended. */
  readonly onEnd: (entry: RevocationEntry, state: RevocationState) => void;
  /** The record or a Secret cannot be read or written, or the CA does not answer; it is tried again. */
  readonly onTrouble: (error: unknown) => void;
  readonly clock: Clock;
  /** By whose clock a certificate has ended. */
  readonly ca: { readonly clock: Pick<Clock, 'now'> };
  /** Ends all work. */
  readonly signal: AbortSignal;
}

/** Milliseconds between two looks for requests; and for each that is worked off, whose Secret gets a new certificate at any moment. */
const interval = 10 * second;
const busyInterval = second;

interface Pause {
  readonly failures: number;
  /** Monotonic milliseconds. */
  readonly until: number;
}

/** The outcome of the CA's answers. */
type Answer =
  | { readonly kind: 'revoked'; readonly already: boolean }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'trouble'; readonly error: Error; readonly retryAfter: number };

/**
 * Works off the requested revocations. Each step is recorded before it is taken, and may be taken twice: a certificate that is
 * revoked already is what was asked for.
 */
export class Revoker {
  readonly #options: RevokerOptions;
  /** By fingerprint: the CA has not answered. */
  readonly #pauses = new Map<string, Pause>();
  /** The entries that `onForbidden` has been called for, as `FINGERPRINT TIME`. */
  readonly #forbidden = new Set<string>();
  /** Of this pass, and of the one before. */
  #troubles = new Set<string>();
  #told: ReadonlySet<string> = this.#troubles;

  constructor(options: RevokerOptions) {
    this.#options = options;
  }

  /** Looks for requests until the signal is aborted; never rejects. */
  async tend(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      try {
        await this.workOff();
      } catch (error) {
        if (!signal.aborted) this.#report(error);
      }
      const { entries } = this.#options.register;
      const unfinished = [...entries.values()].filter((entry) => !isEnded(entry)).length;
      const pause = unfinished === 0 ? interval : Math.min(interval, unfinished * busyInterval);
      await sleep(clock, pause, signal).catch(() => undefined);
    }
  }

  /**
   * Reads the requests, and does what each needs now: none is in the way of another.
   * @throws what the store throws when the record is read, or the signal's reason
   */
  async workOff(): Promise<void> {
    const { register, signal } = this.#options;
    this.#told = this.#troubles;
    this.#troubles = new Set();
    await register.read(signal);
    for (const entry of register.entries.values()) {
      try {
        // Also what has ended: its Secret may have been checked before the record was read.
        if (forbidsServing(entry)) this.#forbid(entry);
        if (!isEnded(entry)) await this.#advance(entry);
      } catch (error) {
        signal.throwIfAborted();
        this.#report(error);
      }
    }
  }

  /** Once in a process: what a crash has interrupted is found by the check at the start, or now. */
  #forbid(entry: RevocationEntry): void {
    const id = `${entry.fingerprint} ${entry.requestedAt}`;
    if (this.#forbidden.has(id)) return;
    this.#forbidden.add(id);
    this.#options.onForbidden(entry);
  }

  async #advance(entry: RevocationEntry): Promise<void> {
    const { clock, register, signal } = this.#options;
    if ((this.#pauses.get(entry.fingerprint)?.until ?? 0) > clock.monotonic()) return;
    const step = nextStep(entry, await this.#look(entry), clock.now());
    if (step === 'replace' && entry.state.phase !== 'replacing') {
      await register.advance(entry, { phase: 'replacing', at: clock.now() }, signal);
    }
    if (step === 'revoke') await this.#revoke(entry);
  }

  /** A Secret that cannot be read may still be replaced, for as long as that may take. */
  async #look(entry: RevocationEntry): Promise<ServedSecret> {
    const { look, signal } = this.#options;
    try {
      return await look(entry, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      this.#report(error);
      return { same: true, replaceable: true };
    }
  }

  async #revoke(entry: RevocationEntry): Promise<void> {
    const { ca, clock, onEnd, register, signal } = this.#options;
    if (entry.state.phase !== 'revoking') await register.advance(entry, { phase: 'revoking' }, signal);
    const asked = await this.#ask(entry);
    const isOver = asked.kind === 'trouble' && entry.notAfter <= ca.clock.now();
    const answer = isOver ? tooLate(entry, asked.error) : asked;
    if (answer.kind === 'trouble') {
      const { fingerprint } = entry;
      const failures = (this.#pauses.get(fingerprint)?.failures ?? 0) + 1;
      const pause = Math.max(pauseAfter(transientLadder, failures), answer.retryAfter);
      this.#pauses.set(fingerprint, { failures, until: clock.monotonic() + pause });
      this.#report(answer.error);
      const trouble = answer.error.message;
      const known = entry.state.phase === 'revoking' ? entry.state.trouble : undefined;
      if (trouble !== known) await register.advance(entry, { phase: 'revoking', trouble }, signal);
      return;
    }
    this.#pauses.delete(entry.fingerprint);
    const at = clock.now();
    const state: RevocationState =
      answer.kind === 'refused'
        ? { phase: 'failed', at, message: answer.message }
        : { phase: 'revoked', at, ...(answer.already ? { already: true } : {}) };
    await register.advance(entry, state, signal);
    onEnd(entry, state);
  }

  /** The answer of the CA to those who may sign, one after the other. */
  async #ask({ certificatePem, keyPem, reason }: RevocationEntry): Promise<Answer> {
    const { revoke, signal } = this.#options;
    const certificate = certificateOf(certificatePem ?? '')?.raw;
    if (certificate === undefined) {
      return { kind: 'refused', message: 'The record of the request does not have the certificate.' };
    }
    const key = keyPem === undefined ? undefined : signingKey(keyPem);
    const refusals: string[] = [];
    let trouble: Extract<Answer, { kind: 'trouble' }> | undefined;
    for (const signer of signersOf(reason, key !== undefined)) {
      try {
        const signing = signer === 'key' ? { key } : {};
        await revoke({ certificate, reason: revocationReasons[reason], ...signing }, signal);
        return { kind: 'revoked', already: false };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Error)) throw error;
        if (error instanceof AcmeProblem && error.type === 'alreadyRevoked') {
          return { kind: 'revoked', already: true };
        }
        const by = signer === 'key' ? "by the certificate's own key" : 'by the ACME account';
        if (isLastingRefusal(error)) refusals.push(`Signed ${by}: ${error.message}`);
        else {
          trouble ??= { kind: 'trouble', error, retryAfter: this.#waitOf(error) };
          // What is asked for next may tell the CA another reason: only where this signer is of no use.
          if (!(error instanceof AccountError) || error.transient) return trouble;
        }
      }
    }
    return trouble ?? { kind: 'refused', message: sentences(...refusals) };
  }

  /** Milliseconds. */
  #waitOf(error: Error): number {
    if (error instanceof AcmeProblem) return error.retryAfter ?? 0;
    const now = this.#options.clock.now();
    if (error instanceof StepError) return (error.failure.retryAt ?? now) - now;
    return error instanceof AccountError ? (error.retryAt ?? now) - now : 0;
  }

  /** The same trouble once, until a pass is without it. */
  #report(error: unknown): void {
    const words = String(error);
    const isKnown = this.#told.has(words) || this.#troubles.has(words);
    this.#troubles.add(words);
    if (!isKnown) this.#options.onTrouble(error);
  }
}

/** Nobody relies on a certificate that has ended: there is nothing left to try. */
function tooLate({ notAfter }: RevocationEntry, { message }: Error): Extract<Answer, { kind: 'refused' }> {
  const end = new Date(notAfter).toISOString();
  return {
    kind: 'refused',
    message: sentences(`It ended at ${end}, before the CA could be brought to revoke it: ${message}`),
  };
}

/** @returns undefined for a key that signs no ACME request */
function signingKey(keyPem: string): AccountKey | undefined {
  try {
    return readAccountKey(keyPem);
  } catch {
    return undefined;
  }
}
