// The modules of acme-client that are imported directly: its index also loads node-forge and a client with axios, and its types cover
// only the index.

declare module 'acme-client/src/http.js' {
  import type { KeyObject } from 'node:crypto';

  /** Signs requests (RFC 8555 section 6.2), again after a rejected nonce, and binds external accounts (section 7.3.4). */
  class HttpClient {
    constructor(
      directoryUrl: string,
      accountKey: KeyObject,
      externalAccountBinding?: { readonly kid: string; readonly hmacKey: string },
    );
    jwk: Readonly<Record<string, unknown>> | null;
    /** A flattened JWS of the payload, with `jwk` and without nonce. */
    createSignedBody(url: string, payload: object): object;
    maxBadNonceRetries: number;
    request(url: string, method: string, options: { readonly data: object }): Promise<HttpClient.Response>;
    getDirectory(): Promise<Readonly<Record<string, unknown>>>;
    getNonce(): Promise<string>;
    getResourceUrl(resource: string): Promise<string>;
  }

  namespace HttpClient {
    interface Response {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly data: unknown;
    }
  }

  export = HttpClient;
}

declare module 'acme-client/src/api.js' {
  import type HttpClient from 'acme-client/src/http.js';

  type Response = Promise<HttpClient.Response>;

  /** Signed requests; its methods for each request of RFC 8555 section 7 insist on one 2xx status, and are not used. */
  class AcmeApi {
    constructor(http: HttpClient, accountUrl?: string);
    /** @param payload null for POST-as-GET */
    apiRequest(url: string, payload: object | null): Response;
    /** @param resource of the directory */
    apiResourceRequest(
      resource: string,
      payload: object,
      validStatusCodes?: readonly number[],
      options?: { readonly includeJwsKid: boolean; readonly includeExternalAccountBinding: boolean },
    ): Response;
  }

  export = AcmeApi;
}

declare module 'acme-client/src/util.js' {
  /** @returns the first chain if the issuer is in none */
  export function findCertificateChainForIssuer(chains: readonly string[], issuer: string): string;
}

/** What needs @peculiar/x509. */
declare module 'acme-client/src/crypto/index.js' {}
