// The only place that uses acme-client, which load-signed-exchange.ts loads.

import AcmeApi from 'acme-client/src/api.js';
import HttpClient from 'acme-client/src/http.js';
import type { Endpoint } from '../transport/problem.ts';
import { type AcmeTransport, maxBadNonces, type SignedAnswer } from '../transport/transport.ts';
import type { AccountKey } from './account-key.ts';

export { findCertificateChainForIssuer } from 'acme-client/src/util.js';
export { AcmeApi };

export interface SignedRequestsOptions {
  readonly transport: Pick<AcmeTransport, 'directory' | 'nonce' | 'post'>;
  readonly directoryUrl: string;
  readonly key: AccountKey;
  /** External account binding (RFC 8555 section 7.3.4): the key in base64url, as the CA hands it out. */
  readonly externalAccount?: { readonly keyId: string; readonly hmacKey: string } | undefined;
}

/** One request signed by acme-client and sent by the transport in place of axios. */
export class SignedExchange extends HttpClient {
  readonly #options: SignedRequestsOptions;
  readonly #signal: AbortSignal;
  readonly #endpoint: Endpoint;
  /** Rejected nonces in a row. */
  #badNonces = 0;
  /** The last one; undefined before it. */
  answer: SignedAnswer | undefined;

  constructor(options: SignedRequestsOptions, signal: AbortSignal, endpoint: Endpoint) {
    const { directoryUrl, externalAccount, key } = options;
    super(
      directoryUrl,
      key.privateKey,
      externalAccount && { kid: externalAccount.keyId, hmacKey: externalAccount.hmacKey },
    );
    this.jwk = key.jwk;
    this.maxBadNonceRetries = maxBadNonces;
    this.#options = options;
    this.#signal = signal;
    this.#endpoint = endpoint;
  }

  override async getDirectory(): Promise<Readonly<Record<string, unknown>>> {
    const { directoryUrl, transport } = this.#options;
    return (await transport.directory(directoryUrl, this.#signal)).resources;
  }

  override async getNonce(): Promise<string> {
    return this.#options.transport.nonce(this.#signal, await this.getResourceUrl('newNonce'));
  }

  override async request(
    url: string,
    _method: string,
    { data }: { readonly data: object },
  ): Promise<HttpClient.Response> {
    const answer = await this.#options.transport.post(
      { signal: this.#signal, endpoint: this.#endpoint, url, body: JSON.stringify(data) },
      this.#badNonces,
    );
    this.#badNonces = answer.rejectsNonce ? this.#badNonces + 1 : 0;
    this.answer = answer;
    return answer;
  }
}
