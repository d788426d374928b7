import { second } from '../../../machines/time/durations.ts';
import type { AuthorizationObject, ChallengeObject } from '../protocol/objects.ts';
import { challengeFailed, OrderError, type OrderErrorKind } from '../protocol/order-error.ts';
import type { OrderRequests } from '../protocol/signed-requests.ts';
import { AcmeProblem, problemWords } from '../transport/problem.ts';
import type { CallResult } from '../transport/transport.ts';
import { type Polling, poll, waitTurn } from './polling.ts';

/** A challenge that the CA offers for a host of the order. */
export interface OfferedChallenge {
  /** Without the `*.` of a wildcard. */
  readonly host: string;
  readonly wildcard: boolean;
  readonly token: string;
  /** The token and the thumbprint of the account key (RFC 8555 section 8.1). */
  readonly keyAuthorization: string;
}

/** Presents the challenge of a host; resolves when the CA may validate it. */
export interface Presenter {
  readonly type: string;
  /** Set if it takes a while until what is presented can be seen everywhere; the CA has nothing to do then. */
  readonly spreads?: true | undefined;
  present(challenge: OfferedChallenge, signal: AbortSignal): Promise<void>;
}

/** Progress of a host's authorization: the challenge is answered, then valid or invalid. */
export interface AuthorizationReport {
  readonly host: string;
  readonly status: 'answered' | 'valid' | 'invalid';
  /** The CA's reason why it is invalid, without token and capability URL. */
  readonly detail?: string;
}

export interface Proving {
  readonly requests: Pick<OrderRequests, 'authorization' | 'answerChallenge'>;
  readonly polling: Polling;
  /** Undefined if not a host of the order. */
  readonly presenterOf: (host: string) => Presenter | undefined;
  /** RFC 7638 thumbprint of the account key, base64url. */
  readonly thumbprint: string;
  /** Host name of the CA, for messages. */
  readonly ca: string;
  /** Awaited when the challenge of this host is presented, before it is answered. */
  readonly beforeAnswer: (host: string, signal: AbortSignal) => Promise<void>;
  readonly onAuthorization?: ((report: AuthorizationReport) => void) | undefined;
}

/** Milliseconds after the first failed host in which the others may fail too: the message names them all. */
const graceAfterFailure = 2 * second;
/** Answers to one challenge: it is repeated if the answer was lost or the CA wants a retry. */
const maxAnswers = 3;

/**
 * Proves the hosts of an order concurrently, each by its presenter's type of challenge; valid authorizations are skipped.
 * @throws OrderError that names every failed host, AcmeProblem, what a presenter throws, or the signal's reason
 */
export async function proveHosts(proving: Proving, urls: readonly string[]): Promise<void> {
  const { clock, signal } = proving.polling;
  const stop = new AbortController();
  const polling = { ...proving.polling, signal: AbortSignal.any([signal, stop.signal]) };
  let grace: unknown;
  let first: unknown;
  let unfinished: unknown;
  const proofs = urls.map(async (url) => {
    try {
      await new Authorization({ ...proving, polling }, url).prove();
    } catch (error) {
      // The CA's time for one host takes none from the others.
      if (error instanceof OrderError && error.kind === 'out-of-time') {
        unfinished ??= error;
        throw error;
      }
      first ??= error;
      grace ??= clock.setTimeout(() => stop.abort(), graceAfterFailure);
      throw error;
    }
  });
  const outcomes = await Promise.allSettled(proofs);
  clock.clearTimeout(grace);
  signal.throwIfAborted();
  const failures = outcomes.flatMap((outcome) => {
    const error: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
    return error instanceof OrderError && error.kind === 'challenge-failed' ? error.failures : [];
  });
  if (failures.length > 0) throw challengeFailed(proving.ca, failures);
  if (first !== undefined || unfinished !== undefined) throw first ?? unfinished;
}

const isAboutHost: ReadonlySet<OrderErrorKind> = new Set([
  'challenge-failed',
  'authorization-lost',
  'challenge-not-offered',
]);

/** One authorization from pending to valid. */
class Authorization {
  readonly #proving: Proving;
  readonly #url: string;
  /** Whether the CA has confirmed our answer. */
  #confirmed = false;
  #answers = 0;
  /** Retry-After of the last read, in milliseconds. */
  #asked: number | undefined;

  constructor(proving: Proving, url: string) {
    this.#proving = proving;
    this.#url = url;
  }

  async prove(): Promise<void> {
    const { polling } = this.#proving;
    const read = (): Promise<CallResult<AuthorizationObject>> => this.#read();
    const found = await poll(polling, 0, read, (authorization) => authorization);
    const host = nameOf(found);
    try {
      await this.#proveFound(host, found, read);
      this.#proving.onAuthorization?.({ host, status: 'valid' });
    } catch (error) {
      if (error instanceof OrderError && isAboutHost.has(error.kind)) {
        const detail = error.problem === undefined ? error.message : problemWords(error.problem);
        this.#proving.onAuthorization?.({ host, status: 'invalid', detail });
      }
      throw error;
    }
  }

  async #proveFound(
    host: string,
    found: AuthorizationObject,
    read: () => Promise<CallResult<AuthorizationObject>>,
  ): Promise<void> {
    const { polling } = this.#proving;
    if (this.#isValid(found)) return;
    const challenge = this.#challenge(found);
    await this.#present(challenge, found);
    await this.#proving.beforeAnswer(host, polling.signal);
    // `processing`: the CA returned an order whose challenge was answered before; it needs no second answer.
    const wait = challenge.status === 'pending' ? await this.#answer(challenge) : this.#asked;
    this.#confirmed ||= challenge.status !== 'pending';
    this.#proving.onAuthorization?.({ host, status: 'answered' });
    await poll(polling, wait, read, async (authorization) => {
      if (this.#isValid(authorization)) return true;
      await this.#answerAgain(this.#challenge(authorization), authorization);
      return undefined;
    });
  }

  async #read(): Promise<CallResult<AuthorizationObject>> {
    const { polling, requests } = this.#proving;
    const answer = await requests.authorization(polling.signal, this.#url);
    this.#asked = answer.retryAfter;
    return answer;
  }

  /** @throws OrderError if the authorization is in a final state other than valid */
  #isValid(authorization: AuthorizationObject): boolean {
    if (authorization.status === 'valid') return true;
    if (authorization.status === 'pending') return false;
    const host = nameOf(authorization);
    const problem = authorization.challenges.find(({ error }) => error !== undefined)?.error;
    if (problem !== undefined) throw challengeFailed(this.#proving.ca, [{ host, problem }]);
    throw new OrderError(
      'authorization-lost',
      `The authorization of ${host} at ${this.#proving.ca} is ${authorization.status}, without a reason given. A new order asks for a new one.`,
    );
  }

  #presenter(authorization: AuthorizationObject): Presenter {
    const name = nameOf(authorization);
    const presenter = this.#proving.presenterOf(name);
    if (presenter !== undefined) return presenter;
    throw new OrderError(
      'identifiers-differ',
      `${this.#proving.ca} wants a proof for ${name}, which was not ordered. If this host is yours, ask for its certificate as well, by spec.tls or a listener.`,
    );
  }

  async #present({ token }: ChallengeObject, authorization: AuthorizationObject): Promise<void> {
    const { polling, thumbprint } = this.#proving;
    const { identifier, wildcard } = authorization;
    if (token === undefined) throw this.#malformed('the challenge has no token');
    const keyAuthorization = `${token}.${thumbprint}`;
    const challenge = { host: identifier.value.toLowerCase(), wildcard, token, keyAuthorization };
    // A presenter that waits for others, as for a DNS provider, is held to the order's time as well.
    const { clock, deadline, outOfTime, signal } = polling;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(outOfTime(undefined)), deadline - clock.monotonic());
    try {
      await this.#presenter(authorization).present(challenge, AbortSignal.any([signal, limit.signal]));
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #challenge(authorization: AuthorizationObject): ChallengeObject {
    const { type } = this.#presenter(authorization);
    const found = authorization.challenges.find((challenge) => challenge.type === type);
    if (found !== undefined) return found;
    const offered = authorization.challenges.map((challenge) => challenge.type);
    // A wildcard has no choice.
    const known = authorization.wildcard ? [] : ['http-01', 'dns-01'];
    const other = known.find((challenge) => offered.includes(challenge));
    const remedy =
      other === undefined ? 'Use another CA.' : `Set kube-lego.io/challenge to ${other}, or use another CA.`;
    throw new OrderError(
      'challenge-not-offered',
      `${this.#proving.ca} offers no ${type.toUpperCase()} challenge for ${nameOf(authorization)} (it offers: ${offered.join(', ')}). ${remedy}`,
    );
  }

  /** Asks the CA to validate. If the confirmation is lost, the authorization shows whether the answer arrived. */
  async #answer(challenge: ChallengeObject): Promise<number | undefined> {
    const { polling, requests } = this.#proving;
    this.#answers += 1;
    try {
      const { retryAfter } = await requests.answerChallenge(polling.signal, challenge.url);
      this.#confirmed = true;
      return retryAfter;
    } catch (error) {
      if (!(error instanceof AcmeProblem) || !error.transient) throw error;
      return error.retryAfter ?? 500;
    }
  }

  /**
   * Answers again if the first answer was lost, or if a challenge that is still pending has an error (step-ca, RFC 8555 section
   * 8.2): that CA waits for the client's retry, and polling would never end.
   */
  async #answerAgain(challenge: ChallengeObject, authorization: AuthorizationObject): Promise<void> {
    if (challenge.status !== 'pending' || (this.#confirmed && challenge.error === undefined)) return;
    if (this.#answers < maxAnswers) {
      const asked = await this.#answer(challenge);
      if (asked !== undefined) await waitTurn(this.#proving.polling, asked, 0);
      return;
    }
    const problem = challenge.error;
    if (problem !== undefined)
      throw challengeFailed(this.#proving.ca, [{ host: nameOf(authorization), problem }]);
    throw this.#malformed('the authorization takes no answer');
  }

  #malformed(detail: string): AcmeProblem {
    return new AcmeProblem({
      type: 'invalidResponse',
      detail,
      endpoint: 'authorization',
      ca: this.#proving.ca,
    });
  }
}

/** The host or wildcard as it was ordered. */
function nameOf({ identifier, wildcard }: AuthorizationObject): string {
  const name = identifier.value.toLowerCase();
  return wildcard ? `*.${name}` : name;
}
