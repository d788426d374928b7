// The signed requests of an account. acme-client builds and signs them and retries after a badNonce (signed-exchange.ts), the transport
// sends them. Called by the account and by orders.

import { arrayField, stringField } from '../../process/json.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem, type Endpoint } from '../transport/problem.ts';
import { readLinks } from '../transport/problem-document.ts';
import type { CallResult, SignedAnswer } from '../transport/transport.ts';
import type { AccountKey } from './account-key.ts';
import { loadSignedExchange } from './load-signed-exchange.ts';
import { type AuthorizationObject, type OrderObject, readAuthorization, readOrder } from './objects.ts';
import type { AcmeApi, SignedRequestsOptions } from './signed-exchange.ts';

/** The requests of an order. */
export type OrderRequests = Pick<
  SignedRequests,
  'newOrder' | 'order' | 'finalize' | 'authorization' | 'answerChallenge' | 'certificate'
>;

/** The payload of new-order. */
export interface NewOrder {
  /** Host names, lower case, A-labels. */
  readonly hosts: readonly string[];
  readonly profile?: string | undefined;
  /** Id of the certificate to replace (RFC 9773 section 5). */
  readonly replaces?: string | undefined;
}

/** The used fields of an account. */
export interface AccountObject {
  readonly status: string;
  readonly contact: readonly string[];
  readonly createdAt: number | undefined;
}

/** Alternate chains that are downloaded; Let's Encrypt offers up to three. */
const mostAlternates = 5;

/** The methods are requests of RFC 8555 section 7; each throws AcmeProblem, or the signal's reason. */
export class SignedRequests {
  readonly #options: SignedRequestsOptions;
  readonly #accountUrl: string | undefined;

  /** @param accountUrl undefined before the registration: then only `findAccount`, `createAccount` and `revoke` work */
  constructor(options: SignedRequestsOptions, accountUrl?: string) {
    this.#options = options;
    this.#accountUrl = accountUrl;
  }

  /** Finds the account of the key (section 7.3.1); it may be deactivated. */
  async findAccount(signal: AbortSignal): Promise<{ readonly url: string; readonly isValid: boolean }> {
    const { url } = await this.#newAccount(signal, { onlyReturnExisting: true });
    const { status } = await this.account(signal, url);
    return { url, isValid: status === 'valid' };
  }

  /**
   * Creates the account of the key, or updates the existing one.
   * @returns its URL
   */
  async createAccount(signal: AbortSignal, email: string | undefined): Promise<string> {
    const terms = {
      termsOfServiceAgreed: true as const,
      ...(email !== undefined && { contact: [`mailto:${email}`] }),
    };
    // A copy: acme-client adds the external account binding to its argument.
    const { url, exists } = await this.#newAccount(signal, { ...terms });
    if (exists) await this.#updateAccount(signal, url, terms);
    return url;
  }

  /**
   * The account as the CA shows it (section 7.1.2), for people: nothing of it is checked but the types.
   * @returns `createdAt`: milliseconds since the epoch, of CAs that tell it
   */
  async account(signal: AbortSignal, url: string): Promise<AccountObject> {
    const data = await this.#updateAccount(signal, url, null);
    const createdAt = Date.parse(stringField(data, 'createdAt') ?? '');
    return {
      status: stringField(data, 'status') ?? '',
      contact: arrayField(data, 'contact').filter((contact) => typeof contact === 'string'),
      createdAt: Number.isNaN(createdAt) ? undefined : createdAt,
    };
  }

  async newOrder(
    signal: AbortSignal,
    { hosts, profile, replaces }: NewOrder,
  ): Promise<CallResult<OrderObject>> {
    const payload = {
      identifiers: hosts.map((value) => ({ type: 'dns', value })),
      ...(profile !== undefined && { profile }),
      ...(replaces !== undefined && { replaces }),
    };
    const { data, location, retryAfter } = await this.#ask(signal, 'new-order', (api) =>
      api.apiResourceRequest('newOrder', payload),
    );
    if (location === undefined) throw this.#malformed('new-order', 'the answer has no link to the order');
    const value = readOrder(location, data);
    // The order is made: what cannot be read of the answer is at its URL.
    return value === undefined ? this.order(signal, location) : { value, retryAfter };
  }

  async order(signal: AbortSignal, url: string): Promise<CallResult<OrderObject>> {
    const { data, retryAfter } = await this.#ask(signal, 'order', (api) => api.apiRequest(url, null));
    return { value: this.#order('order', url, data), retryAfter };
  }

  /** @param csr DER */
  async finalize(
    signal: AbortSignal,
    { finalize, url }: Pick<OrderObject, 'finalize' | 'url'>,
    csr: Buffer,
  ): Promise<CallResult<OrderObject>> {
    const payload = { csr: csr.toString('base64url') };
    const { data, retryAfter } = await this.#ask(signal, 'finalize', (api) =>
      api.apiRequest(finalize, payload),
    );
    return { value: this.#order('finalize', url, data), retryAfter };
  }

  async authorization(signal: AbortSignal, url: string): Promise<CallResult<AuthorizationObject>> {
    const { data, retryAfter } = await this.#ask(signal, 'authorization', (api) => api.apiRequest(url, null));
    const value = readAuthorization(url, data);
    if (value !== undefined) return { value, retryAfter };
    throw this.#malformed('authorization', 'the authorization lacks its identifier or status');
  }

  /** Asks the CA to validate the challenge. */
  async answerChallenge(signal: AbortSignal, url: string): Promise<CallResult<undefined>> {
    const { retryAfter } = await this.#ask(signal, 'challenge', (api) => api.apiRequest(url, {}));
    return { value: undefined, retryAfter };
  }

  /**
   * Downloads a certificate with its chain, PEM.
   * @param preferredIssuer common name of the issuer of the preferred chain; costs a request for each alternate chain
   */
  async certificate(signal: AbortSignal, url: string, preferredIssuer?: string): Promise<CallResult<string>> {
    const { value, retryAfter, links } = await this.#chain(signal, url);
    if (preferredIssuer === undefined || links.length === 0) return { value, retryAfter };
    const alternates = await Promise.all(links.map((link) => this.#chain(signal, link)));
    const chains = [value, ...alternates.map((alternate) => alternate.value)];
    const { findCertificateChainForIssuer } = await loadSignedExchange();
    return { value: findCertificateChainForIssuer(chains, preferredIssuer), retryAfter };
  }

  /**
   * Gives the account another key (section 7.3.5), which signs the inner request. If the answer is lost, only the CA knows which of
   * the keys is the account's.
   */
  async changeKey(signal: AbortSignal, next: AccountKey): Promise<void> {
    const change = { account: this.#accountUrl, oldKey: this.#options.key.jwk };
    const { SignedExchange } = await loadSignedExchange();
    const inner = new SignedExchange({ ...this.#options, key: next }, signal, 'key-change');
    await this.#ask(signal, 'key-change', async (api) => {
      const url = await inner.getResourceUrl('keyChange');
      return api.apiRequest(url, inner.createSignedBody(url, change));
    });
  }

  /**
   * Revokes a certificate (section 7.6): signed by the account, or by the certificate's own key if the account has no URL here.
   * @param certificate DER
   * @param reason code of RFC 5280 section 5.3.1
   */
  async revoke(signal: AbortSignal, certificate: Buffer, reason: number): Promise<void> {
    const payload = { certificate: certificate.toString('base64url'), reason };
    const how = { includeJwsKid: this.#accountUrl !== undefined, includeExternalAccountBinding: false };
    await this.#ask(signal, 'revoke-cert', (api) => api.apiResourceRequest('revokeCert', payload, [], how));
  }

  async #chain(
    signal: AbortSignal,
    url: string,
  ): Promise<CallResult<string> & { readonly links: readonly string[] }> {
    const { data, headers, retryAfter } = await this.#ask(signal, 'certificate', (api) =>
      api.apiRequest(url, null),
    );
    const links = readLinks(headers['link'], 'alternate', url).slice(0, mostAlternates);
    return { value: String(data), retryAfter, links };
  }

  async #newAccount(
    signal: AbortSignal,
    payload: { readonly onlyReturnExisting?: true; readonly termsOfServiceAgreed?: true },
  ): Promise<{ readonly url: string; readonly exists: boolean }> {
    const how = { includeJwsKid: false, includeExternalAccountBinding: payload.onlyReturnExisting !== true };
    const { location, status } = await this.#ask(signal, 'new-account', (api) =>
      api.apiResourceRequest('newAccount', payload, [], how),
    );
    if (location === undefined) throw this.#malformed('new-account', 'the answer has no link to the account');
    return { url: location, exists: status === 200 };
  }

  /** @param payload null for POST-as-GET */
  async #updateAccount(signal: AbortSignal, url: string, payload: object | null): Promise<unknown> {
    const { data } = await this.#ask(signal, 'account', (api) => api.apiRequest(url, payload), url);
    return data;
  }

  async #ask(
    signal: AbortSignal,
    endpoint: Endpoint,
    send: (api: AcmeApi) => Promise<unknown>,
    accountUrl = this.#accountUrl,
  ): Promise<SignedAnswer> {
    signal.throwIfAborted();
    const { AcmeApi, SignedExchange } = await loadSignedExchange();
    const exchange = new SignedExchange(this.#options, signal, endpoint);
    try {
      await send(new AcmeApi(exchange, accountUrl));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof AcmeProblem) throw error;
      throw this.#malformed(endpoint, 'the request could not be made', error);
    }
    if (exchange.answer !== undefined) return exchange.answer;
    throw this.#malformed(endpoint, 'the request was not sent');
  }

  #order(endpoint: Endpoint, url: string, data: unknown): OrderObject {
    const order = readOrder(url, data);
    if (order !== undefined) return order;
    throw this.#malformed(endpoint, 'the order lacks its status or finalize URL');
  }

  #malformed(endpoint: Endpoint, detail: string, cause?: unknown): AcmeProblem {
    const ca = caName(this.#options.directoryUrl);
    return new AcmeProblem({ type: 'invalidResponse', detail, endpoint, ca, cause });
  }
}
