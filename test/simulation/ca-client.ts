import { type Authorization, Client, type Order } from 'acme-client';
import { type Account, AccountStore } from '../../src/acme/account/account.ts';
import { answered, contentOf, retryAfterOf } from '../../src/acme/transport/answer.ts';
import type { CaAnswer } from '../../src/acme/transport/connection.ts';
import { type AcmeDirectory, readDirectory } from '../../src/acme/transport/directory.ts';
import { AcmeProblem, type Endpoint } from '../../src/acme/transport/problem.ts';
import { AcmeTransport, type CallResult } from '../../src/acme/transport/transport.ts';
import { isRecord, stringField } from '../../src/process/json.ts';
import { profiles } from './ca-profiles.ts';
import { plainKey } from './certificates.ts';
import { drawLatency, requestTimeout } from './network.ts';
import type { Random } from './random.ts';
import { type CaClient, type ClientParts, directoryUrl } from './simulated-ca.ts';
import type { VirtualTime } from './virtual-time.ts';

const ca = new URL(directoryUrl).host;

export interface PlainOptions extends ClientParts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly ca: {
    readonly hasRenewalInfo: boolean;
    /** @param latency milliseconds until the answer will be heard; undefined for no answer at all */
    answer(endpoint: Endpoint, url: string, payload: unknown, latency: number): CaAnswer | undefined;
  };
}

/** The way to the model: no keys, no signatures, and names in place of private keys. */
export function connectPlainly(options: PlainOptions): CaClient {
  const transport = new PlainTransport(options);
  let keys = 0;
  return {
    transport,
    account: new PlainAccount(options, transport),
    generateKey: (type) => {
      keys += 1;
      return plainKey(type, keys);
    },
  };
}

/**
 * acme-client without signatures, nonces and HTTP: what it is asked goes to the simulated CA, and what comes back is read by the
 * product's own code for answers and problems.
 */
class PlainClient extends Client {
  readonly #options: PlainOptions;
  readonly #pauses = new WeakMap<object, number>();

  constructor(options: PlainOptions, keyPem: string) {
    super({ directoryUrl, accountKey: keyPem });
    this.#options = options;
  }

  /** Milliseconds that the answer which this came from asked to wait. */
  pauseAfter(value: unknown): number | undefined {
    return typeof value === 'object' && value !== null ? this.#pauses.get(value) : undefined;
  }

  override createOrder(data: object): Promise<Order> {
    return this.#order('new-order', '/new-order', data);
  }

  override getOrder(order: Order): Promise<Order> {
    return this.#order('order', order.url, '');
  }

  override finalizeOrder(order: Order, csr: Buffer | string): Promise<Order> {
    return this.#order('finalize', order.finalize, { csr: csr.toString() });
  }

  override async getAuthorizations({ authorizations: [url = ''] }: Order): Promise<Authorization[]> {
    const value = await this.#ask('authorization', url, '');
    if (!isAuthorization(value)) throw new Error('this is no authorization');
    const list = [value];
    this.#pauses.set(list, this.pauseAfter(value) ?? Number.NaN);
    return list;
  }

  override async completeChallenge(
    challenge: Parameters<Client['completeChallenge']>[0],
  ): ReturnType<Client['completeChallenge']> {
    const value = await this.#ask('challenge', challenge.url, {});
    if (!isChallenge(value)) throw new Error('this is no challenge');
    return value;
  }

  override async getCertificate(order: Order): Promise<string> {
    const value = await this.#ask('certificate', order.certificate ?? '', '');
    if (typeof value !== 'string') throw new Error('this is no certificate');
    return value;
  }

  async #order(endpoint: Endpoint, url: string, payload: unknown): Promise<Order> {
    const value = await this.#ask(endpoint, url, payload);
    if (!isOrder(value)) throw new Error('this is no order');
    return value;
  }

  async #ask(endpoint: Endpoint, url: string, payload: unknown): Promise<unknown> {
    const { value, retryAfter } = await ask(this.#options, endpoint, url, payload);
    if (typeof value === 'object' && retryAfter !== undefined) this.#pauses.set(value, retryAfter);
    return value;
  }
}

/** A request that nothing is signed for, and its answer as the product reads it. */
async function ask(
  options: PlainOptions,
  endpoint: Endpoint,
  url: string,
  payload: unknown,
): Promise<CallResult<ReturnType<typeof contentOf>>> {
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
  return { value: contentOf(from), retryAfter: retryAfterOf(from) };
}

/** The way to the CA, with nothing under way but the answer's latency. */
class PlainTransport extends AcmeTransport {
  readonly #options: PlainOptions;
  /** Set by the account, which makes the client. */
  client: PlainClient | undefined;

  constructor(options: PlainOptions) {
    super({ clock: options.clock, userAgent: 'simulation' });
    this.#options = options;
  }

  override caNow(): number {
    return this.#options.time.now;
  }

  override async call<T>(signal: AbortSignal, _: Endpoint, run: () => Promise<T>): Promise<CallResult<T>> {
    signal.throwIfAborted();
    const value = await run();
    const { clock, time, onAnswer } = this.#options;
    onAnswer(time.now - clock.now());
    signal.throwIfAborted();
    const pause = this.client?.pauseAfter(value);
    return { value, retryAfter: Number.isNaN(pause) ? undefined : pause };
  }

  override async get(signal: AbortSignal, endpoint: Endpoint, url: string): Promise<CallResult<unknown>> {
    const { clock, onAnswer, time } = this.#options;
    const answer = await ask(this.#options, endpoint, url, undefined);
    onAnswer(time.now - clock.now());
    signal.throwIfAborted();
    return answer;
  }

  override directory(): Promise<AcmeDirectory> {
    const directory = readDirectory({
      newNonce: directoryUrl,
      newAccount: directoryUrl,
      newOrder: directoryUrl,
      ...(this.#options.ca.hasRenewalInfo ? { renewalInfo: `https://${ca}/ari` } : {}),
      meta: { profiles },
    });
    if (directory === undefined) throw new Error('this is no directory');
    return Promise.resolve(directory);
  }
}

/** The account, registered long ago; its orders go through the plain client. */
class PlainAccount extends AccountStore {
  readonly #options: PlainOptions;
  readonly #transport: PlainTransport;

  constructor(options: PlainOptions, transport: PlainTransport) {
    super({ transport, clock: options.clock, store: options.store, directoryUrl });
    this.#options = options;
    this.#transport = transport;
  }

  override async withAccount<T>(signal: AbortSignal, work: (account: Account) => Promise<T>): Promise<T> {
    const account = await this.ensureAccount(signal);
    this.#transport.client ??= await this.#newClient(signal);
    return work({ ...account, client: this.#transport.client });
  }

  async #newClient(signal: AbortSignal): Promise<PlainClient> {
    const secret = await this.#options.store.read(signal);
    return new PlainClient(this.#options, secret?.data['tls.key']?.toString() ?? '');
  }
}

function isOrder(value: unknown): value is Order {
  return isRecord(value) && stringField(value, 'finalize') !== undefined;
}

function isAuthorization(value: unknown): value is Authorization {
  return isRecord(value) && Array.isArray(value['challenges']);
}

function isChallenge(value: unknown): value is Parameters<Client['completeChallenge']>[0] {
  return isRecord(value) && stringField(value, 'token') !== undefined;
}
