// The order flow of RFC 8555 section 7.4: new-order, authorizations, finalization, download. Called by the CA object
// (src/authority/ca-order.ts).

import { longestOrderWait } from '../../../machines/authority/order-wait.ts';
import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import type { Account } from '../account/account.ts';
import type { OrderObject } from '../protocol/objects.ts';
import { OrderError, type OrderErrorKind, orderFailed, requestRefused } from '../protocol/order-error.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { AcmeTransport, CallResult } from '../transport/transport.ts';
import { type AuthorizationReport, type Presenter, type Proving, proveHosts } from './authorization.ts';
import { type OrderClock, type Polling, poll, waitTurn } from './polling.ts';

/** The phase that an order enters. */
export type OrderPhase = 'ordering' | 'proving' | 'finalizing' | 'downloading';

export interface OrderInput {
  readonly account: Account;
  readonly transport: Pick<AcmeTransport, 'directory'>;
  readonly clock: OrderClock;
  readonly signal: AbortSignal;
  /** Host names, lower case, A-labels, each once. */
  readonly hosts: readonly string[];
  /** The presenter of this host; undefined if not a host of the order. */
  readonly presenterOf: (host: string) => Presenter | undefined;
  /** The CSR for exactly these hosts, DER. */
  readonly csr: Buffer;
  readonly profile?: string | undefined;
  /** An unfinished order for these hosts, made with the key of the CSR: a new one is made only if the CA has it no more. */
  readonly earlierOrder?: EarlierOrder | undefined;
  /** Id of the certificate to replace (RFC 9773 section 5), if the CA supports ARI. */
  readonly replaces?: string | undefined;
  /** Common name of the issuer of the preferred chain; costs a request for each alternate chain. */
  readonly preferredChain?: string | undefined;
  /** A warning that does not prevent the certificate. */
  readonly onNotice?: ((notice: string) => void) | undefined;
  /** Progress of each host's authorization. */
  readonly onAuthorization?: ((report: AuthorizationReport) => void) | undefined;
  /** Milliseconds from new-order to the finalization, `orderTimeLimit` if not given; the order may expire earlier. */
  readonly timeLimit?: number | undefined;
  /** Called and awaited before each phase; from `proving` on with the order's URL. */
  readonly onPhase?: ((phase: OrderPhase, orderUrl: string | undefined) => void | Promise<void>) | undefined;
  /** The CA has created or returned an order, and counted it: also if we cannot use it. */
  readonly onOrderMade?: (() => void) | undefined;
  /** The order is one that we can use: awaited before a challenge is answered, and before the finalization. */
  readonly onPlaced?: ((orderUrl: string) => Promise<void>) | undefined;
  /** Awaited after that, when the challenge of this host is presented and before it is answered. */
  readonly beforeAnswer?: ((host: string, signal: AbortSignal) => Promise<void>) | undefined;
  /** The CA asks to wait so many milliseconds with the next question about the order, at least ten seconds. */
  readonly onWait?: ((ms: number) => void) | undefined;
}

export interface EarlierOrder {
  readonly url: string;
  /** Milliseconds before the CA may be asked about it. */
  readonly wait: number;
}

export const orderTimeLimit = 10 * minute;
/** Milliseconds from the finalization to the certificate: nobody has to be proven any more, so a later run can go on with it. */
const issuanceTimeLimit = 90 * second;
const certificateEnd = '-----END CERTIFICATE-----';

export interface ObtainedCertificate {
  /** Unverified, as the CA sent it. */
  readonly chainPem: string;
  readonly orderUrl: string;
}

/**
 * Runs an order from new-order, or from where an earlier run has left it, to the certificate (RFC 8555 section 7.4).
 *
 * Retries: reads after network errors; the answer to a challenge and the finalization only after a read has shown that the first
 * did not arrive. A new-order whose answer is lost is not repeated here but by the caller's next attempt, for which Boulder returns
 * the same order.
 * @throws OrderError, or the signal's reason
 */
export async function placeOrder(input: OrderInput): Promise<ObtainedCertificate> {
  return new OrderRun(input).run();
}

/** Whether the certificate of an order has been asked for, so that no host needs to be proven any more. */
export interface OrderProgress {
  readonly finalized: boolean;
  /** Milliseconds before the CA may be asked again. */
  readonly retryAfter: number | undefined;
}

/** @throws AcmeProblem, or the signal's reason */
export async function readProgress(
  account: Account,
  orderUrl: string,
  signal: AbortSignal,
): Promise<OrderProgress> {
  try {
    const { retryAfter, value } = await account.requests.order(signal, orderUrl);
    return { finalized: value.status === 'processing' || value.status === 'valid', retryAfter };
  } catch (error) {
    if (error instanceof AcmeProblem && isGone(error)) return { finalized: false, retryAfter: undefined };
    throw error;
  }
}

class OrderRun {
  readonly #input: OrderInput;
  readonly #ca: string;
  readonly #timeLimit: number;
  readonly #timeLimitEnds: number;
  /** In monotonic milliseconds, as the order said when it was placed or taken up. */
  #expires = Number.POSITIVE_INFINITY;
  /** Retry-After of the earlier order, as read. */
  #asked: number | undefined;

  constructor(input: OrderInput) {
    this.#input = input;
    this.#ca = caName(input.account.directoryUrl);
    this.#timeLimit = input.timeLimit ?? orderTimeLimit;
    this.#timeLimitEnds = input.clock.monotonic() + this.#timeLimit;
  }

  async run(): Promise<ObtainedCertificate> {
    const { account, presenterOf, beforeAnswer, onAuthorization, onPlaced } = this.#input;
    const order = (await this.#resume()) ?? (await this.#place());
    this.#expires = this.#expiryOf(order);
    const placed = Promise.resolve(onPlaced?.(order.url));
    // Awaited below, in any case; until then the hosts are prepared.
    placed.catch(() => undefined);
    if (order.status === 'pending') {
      const polling = this.#polling();
      await this.#phase('proving', order.url);
      const { requests, thumbprint } = account;
      const proving: Proving = {
        requests,
        thumbprint,
        presenterOf,
        polling,
        ca: this.#ca,
        onAuthorization,
        beforeAnswer: async (host, signal) => {
          await placed;
          await beforeAnswer?.(host, signal);
        },
      };
      await this.#refusedAs('refused', () => proveHosts(proving, order.authorizations));
    }
    await placed;
    if (isUnfinished(order)) await this.#phase('finalizing', order.url);
    const ends = this.#input.clock.monotonic() + Math.min(this.#timeLimit, issuanceTimeLimit);
    const polling = this.#polling(ends);
    const certificateUrl = await this.#finalized(order, polling);
    await this.#phase('downloading', order.url);
    const chainPem = await this.#refusedAs('refused', () => this.#download(certificateUrl, polling));
    return { chainPem, orderUrl: order.url };
  }

  /** A client should not request an unlisted profile (draft-ietf-acme-profiles), and some servers silently ignore it. */
  async #checkProfile(): Promise<void> {
    const { account, hosts, profile, signal, transport } = this.#input;
    if (profile === undefined) return;
    const { profiles } = await this.#refusedAs('refused', () =>
      transport.directory(account.directoryUrl, signal),
    );
    if (profiles !== undefined && Object.hasOwn(profiles, profile)) return;
    const offered = Object.keys(profiles ?? {}).join(', ');
    const remedy =
      offered === ''
        ? 'It offers none: remove kube-lego.io/profile.'
        : `Set kube-lego.io/profile to one of: ${offered}; or remove it.`;
    throw new OrderError(
      'profile-not-offered',
      `No certificate for ${hosts.join(', ')}: ${this.#ca} does not offer the profile ${JSON.stringify(profile)}. ${remedy}`,
    );
  }

  /** The order that an earlier run has left, as it is now; undefined if there is none that may still become a certificate. */
  async #resume(): Promise<OrderObject | undefined> {
    const { account, earlierOrder, hosts, signal } = this.#input;
    if (earlierOrder === undefined) return undefined;
    const read = async (): Promise<CallResult<OrderObject>> => {
      const answer = await account.requests.order(signal, earlierOrder.url);
      this.#asked = answer.retryAfter;
      return answer;
    };
    try {
      const polling = this.#polling();
      // Who names the wait has it in the journal already.
      if (earlierOrder.wait > 0) await waitTurn(polling, earlierOrder.wait, 0);
      const order = await poll(polling, 0, read, (found) => found);
      return isFor(order, hosts) && order.status !== 'invalid' ? order : undefined;
    } catch (error) {
      if (!(error instanceof AcmeProblem)) throw error;
      if (isGone(error)) return undefined;
      throw requestRefused('refused', hosts, error);
    }
  }

  /** Creates the order and checks that we can use it. */
  async #place(): Promise<OrderObject> {
    const { account, hosts, profile, replaces, onOrderMade, signal } = this.#input;
    await this.#checkProfile();
    await this.#phase('ordering', undefined);
    const { value: order } = await this.#refusedAs('refused', () =>
      account.requests.newOrder(signal, { hosts, profile, replaces }),
    );
    onOrderMade?.();
    this.#checkNames(order);
    if (profile !== undefined && order.profile !== undefined && order.profile !== profile) {
      throw this.#error(
        'refused',
        `the CA made an order with profile ${order.profile} instead of ${profile}`,
      );
    }
    if (profile !== undefined && order.profile === undefined) {
      this.#input.onNotice?.(
        `${this.#ca} does not confirm the requested profile ${profile} in the order for ${hosts.join(', ')}.`,
      );
    }
    switch (order.status) {
      case 'pending':
      case 'ready':
        return order;
      case 'invalid':
        throw orderFailed(this.#ca, hosts, order.error);
      default:
        throw this.#error(
          'not-ours',
          `the CA returned an order that is already ${order.status}: its certificate has another key; the next attempt makes a new order`,
        );
    }
  }

  /** A CA may list the names in another order, add some (such as that with `www.`), or leave them to the certificate. */
  #checkNames(order: OrderObject): void {
    const { hosts, onNotice } = this.#input;
    const names = namesOf(order);
    if (!isFor(order, hosts)) {
      throw this.#error(
        'identifiers-differ',
        `the CA made an order for other names (${[...names].join(', ')})`,
      );
    }
    const added = [...names].filter((name) => !hosts.includes(name));
    if (added.length > 0)
      onNotice?.(`${this.#ca} added ${added.join(', ')} to the order for ${hosts.join(', ')}.`);
  }

  /** @returns the certificate's URL */
  async #finalized(order: OrderObject, polling: Polling): Promise<string> {
    if (isUnfinished(order)) return this.#finalize(order, polling);
    const url = this.#certificateUrl(order);
    if (url !== undefined) return url;
    const { account, signal } = this.#input;
    const read = (): Promise<CallResult<OrderObject>> => account.requests.order(signal, order.url);
    return this.#refusedAs('refused', () =>
      poll(polling, this.#asked, read, (found) => this.#certificateUrl(found)),
    );
  }

  /**
   * Finalizes and waits for the certificate. `ready` after a good answer is a lagging replica; after a lost answer it means that the
   * CA did not get the request. `valid` without a certificate URL is polled further.
   * @returns the certificate's URL
   */
  async #finalize(placed: OrderObject, polling: Polling): Promise<string> {
    const { account, csr, hosts, signal } = this.#input;
    let accepted = false;
    for (let tries = 0; tries < 3; tries += 1) {
      let wait: number | undefined;
      try {
        const { retryAfter, value } = await account.requests.finalize(signal, placed, csr);
        accepted = true;
        wait = retryAfter;
        const url = this.#certificateUrl(value);
        if (url !== undefined) return url;
      } catch (error) {
        if (!(error instanceof AcmeProblem)) throw error;
        if (!error.transient && error.type !== 'orderNotReady') {
          throw requestRefused(error.type === 'badCSR' ? 'csr-refused' : 'refused', hosts, error);
        }
        wait = error.retryAfter;
      }
      const read = (): Promise<CallResult<OrderObject>> => account.requests.order(signal, placed.url);
      const settled = await this.#refusedAs('refused', () =>
        poll(polling, wait, read, (order) => {
          const url = this.#certificateUrl(order);
          return url === undefined && (accepted || order.status !== 'ready') ? undefined : { url };
        }),
      );
      if (settled.url !== undefined) return settled.url;
    }
    throw this.#error('refused', 'the order is ready, but the CA accepts no finalization');
  }

  /** @throws OrderError if there will be no certificate */
  #certificateUrl({ certificate, error, status }: OrderObject): string | undefined {
    if (status === 'invalid') throw orderFailed(this.#ca, this.#input.hosts, error);
    return status === 'valid' ? certificate : undefined;
  }

  /** If an alternate chain cannot be downloaded, the CA's default chain is used: it is valid too. */
  async #download(url: string, polling: Polling): Promise<string> {
    const { onNotice, preferredChain, signal } = this.#input;
    if (preferredChain === undefined) return this.#downloadChain(url, polling);
    try {
      return await this.#downloadChain(url, polling, preferredChain);
    } catch (error) {
      signal.throwIfAborted();
      // No request before its Retry-After.
      if (error instanceof AcmeProblem && error.retryAfter !== undefined) throw error;
      const chainPem = await this.#downloadChain(url, polling);
      const cause = error instanceof Error ? error.message : String(error);
      onNotice?.(
        `The alternate chains of ${this.#ca} cannot be downloaded; its default chain is used instead of ${preferredChain}: ${cause}`,
      );
      return chainPem;
    }
  }

  #downloadChain(url: string, polling: Polling, preferredChain?: string): Promise<string> {
    const { account, signal } = this.#input;
    const read = (): Promise<CallResult<string>> => account.requests.certificate(signal, url, preferredChain);
    let readBefore = false;
    return poll(polling, 0, read, (chainPem) => {
      // A leaf alone may be what is left of a chain, cut where its first certificate ends.
      if (readBefore || chainPem.split(certificateEnd).length !== 2) return chainPem;
      readBefore = true;
      return undefined;
    });
  }

  /** One that has passed means nothing: programs show the beginning of time where they have none. */
  #expiryOf({ expires = 0 }: OrderObject): number {
    const { clock } = this.#input;
    const left = expires - clock.now();
    return left > 0 ? clock.monotonic() + left : Number.POSITIVE_INFINITY;
  }

  /** @param ends our time limit, in monotonic milliseconds */
  #polling(ends = this.#timeLimitEnds): Polling {
    const { clock, hosts, onWait, signal } = this.#input;
    const expires = this.#expires;
    const deadline = Math.min(ends, expires);
    return {
      clock,
      signal,
      deadline,
      onWait,
      outOfTime: (retryAfter) => {
        const expired = deadline === expires;
        const limit = expired ? 'the order expires' : 'our time limit for an order ends';
        const next = expired
          ? 'A new attempt makes a new order.'
          : 'The next attempt goes on with this order.';
        const asked =
          retryAfter === undefined || retryAfter === 0
            ? ''
            : `; it asks to wait ${Math.round(retryAfter / 1000)} s`;
        return new OrderError(
          expired ? 'expired' : 'out-of-time',
          `No certificate for ${hosts.join(', ')} yet: ${this.#ca} did not finish before ${limit}${asked}. ${next}`,
          retryAfter === undefined ? {} : { retryAfter: Math.min(retryAfter, longestOrderWait) },
        );
      },
    };
  }

  async #phase(phase: OrderPhase, orderUrl: string | undefined): Promise<void> {
    await this.#input.onPhase?.(phase, orderUrl);
    this.#input.signal.throwIfAborted();
  }

  /** Converts an AcmeProblem to an OrderError that names the hosts. */
  async #refusedAs<T>(kind: OrderErrorKind, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof AcmeProblem ? requestRefused(kind, this.#input.hosts, error) : error;
    }
  }

  #error(kind: OrderErrorKind, what: string): OrderError {
    return new OrderError(kind, `No certificate for ${this.#input.hosts.join(', ')}: ${what} (${this.#ca}).`);
  }
}

/** Its certificate has not been asked for. */
function isUnfinished({ status }: OrderObject): boolean {
  return status === 'pending' || status === 'ready';
}

/** Whether the order is for all of these hosts, as far as it says. */
function isFor(order: OrderObject, hosts: readonly string[]): boolean {
  const names = namesOf(order);
  return names.size === 0 || hosts.every((host) => names.has(host));
}

function namesOf({ identifiers }: OrderObject): ReadonlySet<string> {
  return new Set(identifiers.map(({ value }) => normalizeHost(value)));
}

/** Whether the CA, or this account, has no such order any more. A proxy that answers in the CA's place does not know. */
function isGone({ status = 0, type }: AcmeProblem): boolean {
  if (type === 'invalidResponse') return false;
  return status === 404 || status === 410 || ((status === 400 || status === 403) && goneTypes.has(type));
}

const goneTypes: ReadonlySet<string> = new Set(['malformed', 'unauthorized']);
