import { type KeyObject, X509Certificate } from 'node:crypto';
import { stringField } from '../../src/process/json.ts';
import { type Accounts, accountJson, type CaAccount } from './accounts.ts';
import type { Authorizations, CaAuthorization } from './authorizations.ts';
import { directory } from './directory.ts';
import { type CaEndpoint, type CaRequest, headerOf } from './exchange.ts';
import type { Faults } from './faults.ts';
import type { Issuance } from './issuance.ts';
import { type Jws, payloadOf } from './jws.ts';
import type { Limits } from './limits.ts';
import type { Nonces } from './nonces.ts';
import type { CaOptions } from './options.ts';
import { type CaOrder, type Orders, statusOf } from './orders.ts';
import type { Pauses } from './pauses.ts';
import type { CaProfile } from './profiles.ts';
import { malformed, notFound, Refusal, unauthorized } from './refusal.ts';
import type { RenewalInfo } from './renewal-info.ts';
import { authenticate, type Signed } from './signed-request.ts';

/** An answer before it is sent. */
export interface Draft {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly text?: string;
}

export interface ResourcesParts {
  readonly options: CaOptions;
  readonly origin: string;
  readonly profiles: Readonly<Record<string, CaProfile>>;
  readonly accounts: Accounts;
  readonly authorizations: Authorizations;
  readonly faults: Faults;
  readonly issuance: Issuance;
  readonly limits: Limits;
  readonly nonces: Nonces;
  readonly orders: Orders;
  readonly pauses: Pauses;
  readonly renewalInfo: RenewalInfo;
}

/** What there is at each URL of the CA (RFC 8555 section 7.1). */
export class Resources {
  /** What has to be agreed to before an account can go on: the URL of the new terms of service. */
  newTerms: string | undefined;
  readonly #parts: ResourcesParts;

  constructor(parts: ResourcesParts) {
    this.#parts = parts;
  }

  /** @throws Refusal */
  answer(endpoint: CaEndpoint, path: readonly string[], request: CaRequest, refuseNonce: boolean): Draft {
    if ((headerOf(request, 'user-agent') ?? '') === '') throw malformed('The User-Agent header is missing');
    switch (endpoint) {
      case 'directory':
        allow(request, 'GET', 'HEAD');
        return { json: directory(this.#parts) };
      case 'new-nonce':
        allow(request, 'GET', 'HEAD');
        return { status: request.method === 'GET' ? 204 : 200 };
      case 'renewal-info':
        allow(request, 'GET', 'HEAD');
        return this.#renewalInfo(path[1] ?? '');
      case 'unpause':
        return this.#unpause(request);
      case 'elsewhere':
        throw notFound('such page');
      default:
        allow(request, 'POST');
        return this.#signed(
          endpoint,
          path,
          request,
          authenticate(this.#parts, endpoint, request, refuseNonce),
        );
    }
  }

  #signed(endpoint: CaEndpoint, path: readonly string[], request: CaRequest, signed: Signed): Draft {
    if (endpoint === 'new-account') return this.#newAccount(signed, request);
    const { account, jws } = signed;
    if (endpoint === 'revoke-cert') return this.#revoke(signed);
    if (account === undefined) throw malformed('No Key ID in JWS header');
    if (this.newTerms !== undefined) throw termsChanged(this.newTerms);
    switch (endpoint) {
      case 'account':
        if (account.url !== request.url) throw unauthorized('Request signing key did not match account key');
        if (jws.payload !== '') this.#parts.accounts.update(account, payloadOf(jws));
        return { json: accountJson(account) };
      case 'key-change':
        this.#parts.accounts.changeKey(account, signed.key, jws.payload, request.url);
        return { json: accountJson(account) };
      case 'new-order': {
        const { issuance, options, orders } = this.#parts;
        const before = orders.count;
        const order = issuance.order(account, payloadOf(jws));
        const status = orders.count > before ? 201 : (options.existingOrderStatus ?? 201);
        return { ...this.#orderDraft(order, {}), status };
      }
      case 'order':
        read(jws);
        return this.#orderDraft(this.#order(path[1], account), { polled: true });
      case 'authorization':
        return this.#authorization(this.#authorizationOf(path[1], account), jws);
      case 'challenge':
        return this.#challenge(this.#authorizationOf(path[1], account), path[2], jws);
      case 'finalize':
        return this.#finalize(this.#order(path[1], account), jws);
      case 'certificate':
        read(jws);
        return this.#certificate(path[1] ?? '', account);
      default:
        throw notFound('such page');
    }
  }

  #newAccount({ jws, key }: Signed, request: CaRequest): Draft {
    const { account, isNew } = this.#parts.accounts.register(key, payloadOf(jws), request.url, () =>
      this.#parts.limits.register(request.source ?? '127.0.0.1'),
    );
    return { status: isNew ? 201 : 200, headers: { location: account.url }, json: accountJson(account) };
  }

  #order(number: string | undefined, account: CaAccount): CaOrder {
    const order = this.#parts.orders.get(Number(number));
    if (order === undefined || order.account !== account || order.expires <= this.#parts.options.now())
      throw notFound(`order for account ID ${account.number}`);
    return order;
  }

  #orderDraft(order: CaOrder, { polled = false }: { readonly polled?: boolean }): Draft {
    const actual = statusOf(order, this.#parts.options.now());
    const lags = order.lag > 0 && (actual === 'processing' || actual === 'valid');
    if (lags) order.lag -= 1;
    const status = lags ? 'ready' : actual;
    const after = this.#parts.options.pollAfter?.order;
    return {
      headers: {
        location: this.#parts.orders.url(order),
        ...(polled && after !== undefined && status === 'processing' && { 'retry-after': String(after) }),
      },
      json: this.#parts.orders.json(order, status, (authorization) =>
        this.#parts.authorizations.url(authorization),
      ),
    };
  }

  #authorizationOf(number: string | undefined, account: CaAccount): CaAuthorization {
    const authorization = this.#parts.authorizations.get(Number(number));
    if (authorization === undefined || authorization.expires <= this.#parts.options.now())
      throw notFound('authorization');
    if (authorization.account !== account) throw unauthorized('Account ID did not match order ID');
    return authorization;
  }

  #authorization(authorization: CaAuthorization, jws: Jws): Draft {
    if (jws.payload !== '') {
      if (payloadOf(jws)['status'] !== 'deactivated') throw malformed('Invalid status value');
      authorization.status = 'deactivated';
    }
    const after = this.#parts.options.pollAfter?.authorization;
    const isAtWork = authorization.challenges.some(({ status }) => status === 'processing');
    return {
      headers: isAtWork && after !== undefined ? { 'retry-after': String(after) } : {},
      json: this.#parts.authorizations.json(authorization),
    };
  }

  #challenge(authorization: CaAuthorization, type: string | undefined, jws: Jws): Draft {
    const challenge = authorization.challenges.find((each) => each.type === type);
    if (challenge === undefined) throw notFound('challenge');
    if (jws.payload !== '') {
      payloadOf(jws);
      this.#parts.issuance.answer(authorization, challenge);
    }
    const up = `<${this.#parts.authorizations.url(authorization)}>;rel="up"`;
    return {
      headers: { link: `<${this.#parts.origin}/directory>;rel="index", ${up}` },
      json: this.#parts.authorizations.challengeJson(authorization, challenge),
    };
  }

  #finalize(order: CaOrder, jws: Jws): Draft {
    const csr = stringField(payloadOf(jws), 'csr');
    if (csr === undefined || !/^[A-Za-z0-9_-]+$/.test(csr)) throw malformed('CSR is not base64url');
    this.#parts.issuance.finalize(order, Buffer.from(csr, 'base64url'));
    return this.#orderDraft(order, { polled: true });
  }

  #certificate(serial: string, account: CaAccount): Draft {
    const order = this.#parts.orders.bySerial(serial);
    if (order?.certificate === undefined) throw notFound('certificate');
    if (order.account !== account) throw unauthorized('Account in use did not issue specified certificate');
    const headers = { 'content-type': 'application/pem-certificate-chain' };
    return { headers, text: order.certificate.chainPem };
  }

  /** RFC 8555 section 7.6: by the account that it was issued to, or by its own key. */
  #revoke({ account, jws, key }: Signed): Draft {
    const payload = payloadOf(jws);
    const der = Buffer.from(stringField(payload, 'certificate') ?? '', 'base64url');
    const reason = payload['reason'] ?? 0;
    if (![0, 1, 4, 5].some((allowed) => allowed === reason))
      throw new Refusal({
        type: 'badRevocationReason',
        detail: 'unsupported revocation reason code',
        status: 400,
      });
    const certificate = this.#parts.renewalInfo.within(der);
    if (account === undefined && !publicKeyOf(der).equals(spkiOf(key.object)))
      throw unauthorized(
        'JWK embedded in revocation request must be the same public key as the cert to be revoked',
      );
    if (account !== undefined && certificate.account !== account)
      throw unauthorized('The requester did not issue the certificate');
    // Boulder takes the signature of its key for the proof of a compromise.
    this.#parts.issuance.revoke(certificate, account === undefined ? 1 : Number(reason), {
      keyShown: account === undefined ? spkiOf(key.object) : undefined,
    });
    return {};
  }

  #renewalInfo(id: string): Draft {
    if (this.#parts.options.renewalInfo === false) throw notFound('such page');
    const after = this.#parts.options.renewalInfoAfter ?? 21_600;
    return {
      headers: { 'retry-after': String(after) },
      json: this.#parts.renewalInfo.json(this.#parts.renewalInfo.get(id)),
    };
  }

  #unpause(request: CaRequest): Draft {
    allow(request, 'GET', 'POST');
    const headers = { 'content-type': 'text/html' };
    if (request.method === 'GET')
      return { headers, text: '<form method="post"><button>Please unpause my account</button></form>' };
    const count = this.#parts.pauses.unpause(new URL(request.url).searchParams.get('jwt') ?? '');
    if (count === undefined) throw malformed('The URL is not valid');
    return { headers, text: `<p>Unpaused ${count} identifiers</p>` };
  }
}

/** SubjectPublicKeyInfo of a certificate. */
function publicKeyOf(der: Buffer): Buffer {
  try {
    return spkiOf(new X509Certificate(der).publicKey);
  } catch {
    throw malformed('Unable to parse certificate DER');
  }
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function allow(request: CaRequest, ...methods: readonly string[]): void {
  if (!methods.includes(request.method)) throw malformed('Method not allowed', 405);
}

/** Of a POST-as-GET. */
function read(jws: Jws): void {
  if (jws.payload !== '') throw malformed('POST-as-GET requests must have an empty payload');
}

function termsChanged(url: string): Refusal {
  const detail = 'Terms of service have changed';
  const link = `<${url}>;rel="terms-of-service"`;
  return new Refusal({ type: 'userActionRequired', detail, status: 403 }, { link }, { instance: url });
}
