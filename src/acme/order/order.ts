// The order flow of RFC 8555 section 7.4: new-order, authorizations, finalization, download. Called by the CA object
// (src/authority/ca-order.ts).

import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { minute } from '../../../machines/time/durations.ts';
import type { Account } from '../account/account.ts';
import type { OrderObject } from '../protocol/objects.ts';
import { OrderError, type OrderErrorKind, orderFailed, requestRefused } from '../protocol/order-error.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { AcmeTransport, CallResult } from '../transport/transport.ts';
import { type AuthorizationReport, type Presenter, proveHosts } from './authorization.ts';
import { type OrderClock, type Polling, poll } from './polling.ts';

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
  /** The CSR for exactly these hosts, PEM. */
  readonly csr: Buffer;
  readonly profile?: string | undefined;
  /** Id of the certificate to replace (RFC 9773 section 5), if the CA supports ARI. */
  readonly replaces?: string | undefined;
  /** Common name of the issuer of the preferred chain; costs a request for each alternate chain. */
  readonly preferredChain?: string | undefined;
  /** A warning that does not prevent the certificate. */
  readonly onNotice?: ((notice: string) => void) | undefined;
  /** Progress of each host's authorization. */
  readonly onAuthorization?: ((report: AuthorizationReport) => void) | undefined;
  /** Milliseconds from new-order to the certificate, `orderTimeLimit` if not given; the order may expire earlier. */
  readonly timeLimit?: number | undefined;
  /** Called and awaited before each phase; from `proving` on with the order's URL. */
  readonly onPhase?: ((phase: OrderPhase, orderUrl: string | undefined) => void | Promise<void>) | undefined;
  /** The CA has created or returned an order, and counted it: also if we cannot use it. */
  readonly onOrderMade?: (() => void) | undefined;
}

export const orderTimeLimit = 10 * minute;
const certificateEnd = '-----END CERTIFICATE-----';

export interface ObtainedCertificate {
  /** Unverified, as the CA sent it. */
  readonly chainPem: string;
  readonly orderUrl: string;
}

/**
 * Runs an order from new-order to the certificate (RFC 8555 section 7.4).
 *
 * Retries: reads after network errors; the answer to a challenge and the finalization only after a read has shown that the first
 * did not arrive. A new-order whose answer is lost is not repeated here but by the caller's next attempt, for which Boulder returns
 * the same order.
 * @throws OrderError, or the signal's reason
 */
export async function placeOrder(input: OrderInput): Promise<ObtainedCertificate> {
  return new OrderRun(input).run();
}

class OrderRun {
  readonly #input: OrderInput;
  readonly #ca: string;
  readonly #timeLimitEnds: number;

  constructor(input: OrderInput) {
    this.#input = input;
    this.#ca = caName(input.account.directoryUrl);
    this.#timeLimitEnds = input.clock.monotonic() + (input.timeLimit ?? orderTimeLimit);
  }

  async run(): Promise<ObtainedCertificate> {
    const { account, presenterOf, onAuthorization } = this.#input;
    await this.#checkProfile();
    await this.#phase('ordering', undefined);
    const order = await this.#place();
    const polling = this.#polling(order);
    if (order.status === 'pending') {
      await this.#phase('proving', order.url);
      const { requests, thumbprint } = account;
      const proving = { requests, thumbprint, presenterOf, polling, ca: this.#ca, onAuthorization };
      await this.#refusedAs('refused', () => proveHosts(proving, order.authorizations));
    }
    await this.#phase('finalizing', order.url);
    const certificateUrl = await this.#finalize(order, polling);
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

  /** Creates the order and checks that we can use it. */
  async #place(): Promise<OrderObject> {
    const { account, hosts, profile, replaces, onOrderMade, signal } = this.#input;
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
  #checkNames({ identifiers }: OrderObject): void {
    const { hosts, onNotice } = this.#input;
    const names = new Set(identifiers.map(({ value }) => normalizeHost(value)));
    if (names.size > 0 && hosts.some((host) => !names.has(host))) {
      throw this.#error(
        'identifiers-differ',
        `the CA made an order for other names (${[...names].join(', ')})`,
      );
    }
    const added = [...names].filter((name) => !hosts.includes(name));
    if (added.length > 0)
      onNotice?.(`${this.#ca} added ${added.join(', ')} to the order for ${hosts.join(', ')}.`);
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

  #polling(order: OrderObject): Polling {
    const { clock, hosts, signal } = this.#input;
    const expires = clock.monotonic() + (order.expires ?? Number.POSITIVE_INFINITY) - clock.now();
    const deadline = Math.min(this.#timeLimitEnds, expires);
    return {
      clock,
      signal,
      deadline,
      outOfTime: (retryAfter) => {
        const limit = deadline === expires ? 'the order expires' : 'our time limit for an order ends';
        const asked =
          retryAfter === undefined || retryAfter === 0
            ? ''
            : `; it asks to wait ${Math.round(retryAfter / 1000)} s`;
        return new OrderError(
          'out-of-time',
          `No certificate for ${hosts.join(', ')}: ${this.#ca} did not finish before ${limit}${asked}. A new attempt makes a new order.`,
          retryAfter === undefined ? {} : { retryAfter },
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
