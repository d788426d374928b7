import type { Accounts, CaAccount } from './accounts.ts';
import { type CaEndpoint, type CaRequest, headerOf } from './exchange.ts';
import type { Faults } from './faults.ts';
import { checkAlgorithm, type Jws, type PublicKey, parseJws, publicKey, verifyJws } from './jws.ts';
import type { Nonces } from './nonces.ts';
import { malformed, Refusal, unauthorized } from './refusal.ts';

/** A signed request whose signature and nonce are good. */
export interface Signed {
  readonly jws: Jws;
  readonly key: PublicKey;
  /** Undefined if it is signed with `jwk`. */
  readonly account: CaAccount | undefined;
}

interface Parties {
  readonly accounts: Accounts;
  readonly nonces: Nonces;
  readonly faults: Faults;
  readonly options: { readonly algorithms?: readonly string[] | undefined };
}

/**
 * Who signed the request (RFC 8555 sections 6.2 to 6.5).
 * @param refuseNonce although it may be good
 * @throws Refusal
 */
export function authenticate(
  parties: Parties,
  endpoint: CaEndpoint,
  request: CaRequest,
  refuseNonce: boolean,
): Signed {
  if (headerOf(request, 'content-type') !== 'application/jose+json')
    throw malformed('Invalid Content-Type header on POST. Content-Type must be "application/jose+json"', 415);
  if (headerOf(request, 'replay-nonce') !== undefined)
    throw malformed('HTTP requests should NOT contain Replay-Nonce header. Use JWS nonce field');
  const jws = parseJws(request.body);
  checkAlgorithm(jws, parties.options.algorithms);
  if ((jws.jwk === undefined) === (jws.kid === undefined))
    throw malformed('jwk and kid header fields are mutually exclusive, and one of them is needed');
  if (jws.jwk !== undefined && endpoint !== 'new-account' && endpoint !== 'revoke-cert')
    throw malformed('No Key ID in JWS header');
  if (jws.jwk === undefined && endpoint === 'new-account') throw malformed('No embedded JWK in JWS header');
  const account = jws.kid === undefined ? undefined : parties.accounts.byUrl(jws.kid);
  const key = account?.key ?? publicKey(jws.jwk ?? {});
  verifyJws(jws, key);
  if (jws.url !== request.url)
    throw unauthorized(
      `JWS header parameter 'url' incorrect. Expected ${JSON.stringify(request.url)} got ${JSON.stringify(jws.url)}`,
      401,
    );
  if (jws.nonce === undefined) throw badNonce('JWS has no anti-replay nonce');
  const good = parties.nonces.redeem(jws.nonce);
  if (!good || refuseNonce || parties.faults.refusesNonce())
    throw badNonce(
      `Unable to validate JWS :: JWS has an invalid anti-replay nonce: ${JSON.stringify(jws.nonce)}`,
    );
  return { jws, key, account };
}

function badNonce(detail: string): Refusal {
  return new Refusal({ type: 'badNonce', detail, status: 400 });
}
