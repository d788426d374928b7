import { type Account, type AccountOptions, AccountStore } from '../../src/acme/account/account.ts';
import {
  type AuthorizationObject,
  type OrderObject,
  readAuthorization,
  readOrder,
} from '../../src/acme/protocol/objects.ts';
import type { NewOrder, OrderRequests } from '../../src/acme/protocol/signed-requests.ts';
import { answered, contentOf, retryAfterOf } from '../../src/acme/transport/answer.ts';
import type { CaClock } from '../../src/acme/transport/ca-clock.ts';
import type { CaAnswer } from '../../src/acme/transport/connection.ts';
import { type AcmeDirectory, readDirectory } from '../../src/acme/transport/directory.ts';
import { AcmeProblem, type Endpoint } from '../../src/acme/transport/problem.ts';
import { AcmeTransport, type CallResult, type TransportOptions } from '../../src/acme/transport/transport.ts';
import { stringField } from '../../src/process/json.ts';
import { profiles } from './ca-profiles.ts';
import { drawLatency, requestTimeout } from './network.ts';
import type { Random } from './random.ts';
import { type CaClient, directoryUrl } from './simulated-ca.ts';
import type { VirtualTime } from './virtual-time.ts';

const ca = new URL(directoryUrl).host;

export interface PlainOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly ca: {
    readonly hasRenewalInfo: boolean;
    /** @param latency milliseconds until the answer will be heard; undefined for no answer at all */
    answer(endpoint: Endpoint, url: string, payload: unknown, latency: number): CaAnswer | undefined;
  };
}

interface Timed extends PlainOptions {
  readonly clock: CaClock;
}

/** The way to the model: no keys, no signatures. */
export function connectPlainly(options: PlainOptions): CaClient {
  return {
    newTransport: (parts) => new PlainTransport({ ...options, clock: parts.clock }, parts),
    newAccount: (parts) => new PlainAccount({ ...options, clock: parts.clock }, parts),
  };
}

/**
 * The requests of an order without signatures, nonces and HTTP: they go to the simulated CA, and what comes back is read by the
 * product's own code for answers and problems.
 */
class PlainRequests implements OrderRequests {
  readonly #options: Timed;

  constructor(options: Timed) {
    this.#options = options;
  }

  newOrder(signal: AbortSignal, { hosts, ...wishes }: NewOrder): Promise<CallResult<OrderObject>> {
    const identifiers = hosts.map((value) => ({ type: 'dns', value }));
    return this.#ask(signal, 'new-order', '/new-order', { identifiers, ...wishes }, asOrder);
  }

  order(signal: AbortSignal, url: string): Promise<CallResult<OrderObject>> {
    return this.#ask(signal, 'order', url, '', asOrder);
  }

  finalize(
    signal: AbortSignal,
    { finalize }: Pick<OrderObject, 'finalize'>,
    csr: Buffer,
  ): Promise<CallResult<OrderObject>> {
    return this.#ask(signal, 'finalize', finalize, { csr: csr.toString() }, asOrder);
  }

  authorization(signal: AbortSignal, url: string): Promise<CallResult<AuthorizationObject>> {
    return this.#ask(signal, 'authorization', url, '', (value) => readAuthorization(url, value));
  }

  async answerChallenge(signal: AbortSignal, url: string): Promise<CallResult<undefined>> {
    const { retryAfter } = await ask(this.#options, signal, 'challenge', url, {});
    return { value: undefined, retryAfter };
  }

  certificate(signal: AbortSignal, url: string): Promise<CallResult<string>> {
    return this.#ask(signal, 'certificate', url, '', (value) =>
      typeof value === 'string' ? value : undefined,
    );
  }

  async #ask<T>(
    signal: AbortSignal,
    endpoint: Endpoint,
    url: string,
    payload: unknown,
    read: (value: unknown) => T | undefined,
  ): Promise<CallResult<T>> {
    const { value, retryAfter } = await ask(this.#options, signal, endpoint, url, payload);
    const object = read(value);
    if (object === undefined) throw new Error(`the CA answers ${endpoint} with something else`);
    return { value: object, retryAfter };
  }
}

/** A request that nothing is signed for, and its answer as the product reads it. */
async function ask(
  options: Timed,
  signal: AbortSignal,
  endpoint: Endpoint,
  url: string,
  payload: unknown,
): Promise<CallResult<unknown>> {
  signal.throwIfAborted();
  const { clock, random, time } = options;
  const latency = drawLatency(random);
  const answer = options.ca.answer(endpoint, url, payload, latency);
  await new Promise<void>((resolve) => {
    clock.setTimeout(resolve, answer === undefined ? requestTimeout : latency);
  });
  if (answer === undefined) {
    throw new AcmeProblem({ type: 'timeout', detail: 'the CA did not answer in time', endpoint, ca });
  }
  const from = answered(endpoint, `https://${ca}/`, answer, time.now);
  const value = contentOf(from);
  // The model says to the millisecond what time it is.
  clock.observe(time.now, clock.monotonic());
  signal.throwIfAborted();
  return { value, retryAfter: retryAfterOf(from) };
}

/** The way to the CA, with nothing under way but the answer's latency. */
class PlainTransport extends AcmeTransport {
  readonly #options: Timed;
  /** By whether it names renewal information. */
  readonly #directories = new Map<boolean, AcmeDirectory>();

  constructor(options: Timed, parts: TransportOptions) {
    super(parts);
    this.#options = options;
  }

  override get(signal: AbortSignal, endpoint: Endpoint, url: string): Promise<CallResult<unknown>> {
    return ask(this.#options, signal, endpoint, url, undefined);
  }

  override directory(): Promise<AcmeDirectory> {
    const { hasRenewalInfo } = this.#options.ca;
    const known = this.#directories.get(hasRenewalInfo) ?? this.#readDirectory(hasRenewalInfo);
    this.#directories.set(hasRenewalInfo, known);
    return Promise.resolve(known);
  }

  #readDirectory(hasRenewalInfo: boolean): AcmeDirectory {
    const resources = {
      newNonce: directoryUrl,
      newAccount: directoryUrl,
      newOrder: directoryUrl,
      ...(hasRenewalInfo ? { renewalInfo: `https://${ca}/ari` } : {}),
      meta: { profiles },
    };
    const directory = readDirectory(resources, directoryUrl);
    if (directory === undefined) throw new Error('this is no directory');
    return directory;
  }
}

/** The account, registered long ago; its orders go to the model. */
class PlainAccount extends AccountStore {
  readonly #requests: PlainRequests;

  constructor(options: Timed, parts: AccountOptions) {
    super(parts);
    this.#requests = new PlainRequests(options);
  }

  override async withAccount<T>(
    signal: AbortSignal,
    work: (account: Account, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return work({ ...(await this.ensureAccount(signal)), requests: this.#requests }, signal);
  }
}

function asOrder(value: unknown): OrderObject | undefined {
  return readOrder(stringField(value, 'url') ?? '', value);
}
