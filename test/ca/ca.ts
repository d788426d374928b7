import { stringField } from '../../src/json.ts';
import { Accounts, accountJson, type CaAccount } from './accounts.ts';
import { Authorizations, type CaAuthorization } from './authorizations.ts';
import { type CaAnswer, type CaEndpoint, type CaRequest, headerOf } from './exchange.ts';
import { type Fault, Faults } from './faults.ts';
import { Issuance } from './issuance.ts';
import { Issuer } from './issuer.ts';
import {
  checkAlgorithm,
  type Jws,
  type PublicKey,
  parseJws,
  payloadOf,
  publicKey,
  verifyJws,
} from './jws.ts';
import { Limits } from './limits.ts';
import { Nonces } from './nonces.ts';
import type { CaOptions } from './options.ts';
import { type CaOrder, Orders, statusOf } from './orders.ts';
import { Pauses } from './pauses.ts';
import { letsEncryptProfiles } from './profiles.ts';
import { randomToken, seededRandom } from './random.ts';
import { malformed, notFound, problemJson, Refusal, unauthorized } from './refusal.ts';
import { RenewalInfo } from './renewal-info.ts';

/** An answer before it is sent. */
interface Draft {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly text?: string;
}

/** A signed request whose signature and nonce are good. */
interface Signed {
  readonly jws: Jws;
  readonly key: PublicKey;
  /** Undefined if it is signed with `jwk`. */
  readonly account: CaAccount | undefined;
}

const endpoints: Readonly<Record<string, CaEndpoint>> = {
  directory: 'directory',
  'new-nonce': 'new-nonce',
  'new-account': 'new-account',
  account: 'account',
  'key-change': 'key-change',
  'new-order': 'new-order',
  order: 'order',
  authz: 'authorization',
  challenge: 'challenge',
  finalize: 'finalize',
  certificate: 'certificate',
  'revoke-cert': 'revoke-cert',
  'renewal-info': 'renewal-info',
  sfe: 'unpause',
};

/**
 * An ACME CA (RFC 8555, RFC 9773) that is as strict as a real one, refuses in Boulder's words, and does what a test tells it to
 * do wrong: for what pebble can't do, and for hundreds of orders in flight. It has no socket, no timer and no clock of its own;
 * `server.ts` puts it on a port, a simulation calls `handle`.
 *
 *     const ca = new ScriptedCa({ now: () => clock.now(), validate: async (host) => 'ok', limits: letsEncryptLimits });
 *     const { status, headers, body, broken } = await ca.handle({ method: 'GET', url: ca.directoryUrl, headers, body: '' });
 *     ca.faults.next('new-order', busy(30), 'lost');
 */
export class ScriptedCa {
  readonly origin: string;
  readonly accounts: Accounts;
  readonly faults: Faults;
  readonly limits: Limits;
  readonly nonces: Nonces;
  readonly pauses: Pauses;
  readonly renewalInfo: RenewalInfo;
  /** What has to be done before an account can order anything: the URL of the new terms of service. */
  newTerms: string | undefined;
  readonly #options: CaOptions;
  readonly #authorizations: Authorizations;
  readonly #issuance: Issuance;
  readonly #issuer: Issuer;
  readonly #orders: Orders;
  readonly #profiles: NonNullable<CaOptions['profiles']>;

  constructor(options: CaOptions) {
    const random = seededRandom(options.seed ?? 1);
    this.origin = options.origin ?? 'https://ca.test';
    this.accounts = new Accounts({ origin: this.origin, externalAccounts: options.externalAccounts });
    this.faults = new Faults(random);
    this.limits = new Limits({
      now: options.now,
      random,
      rules: options.limits ?? {},
      speed: options.limitSpeed,
      onDenied: (denial) => options.onEvent?.({ type: 'denied', at: options.now(), ...denial }),
    });
    this.nonces = new Nonces(random);
    this.pauses = new Pauses(this.origin, () => randomToken(random, 24));
    this.renewalInfo = new RenewalInfo(options.now);
    this.#options = options;
    this.#authorizations = new Authorizations(this.origin);
    this.#issuer = new Issuer(options.now());
    this.#orders = new Orders(this.origin);
    this.#profiles = options.profiles ?? letsEncryptProfiles;
    this.#issuance = new Issuance({
      options,
      profiles: this.#profiles,
      random,
      authorizations: this.#authorizations,
      orders: this.#orders,
      limits: this.limits,
      pauses: this.pauses,
      renewalInfo: this.renewalInfo,
      issuer: this.#issuer,
    });
  }

  get directoryUrl(): string {
    return `${this.origin}/directory`;
  }

  /** The root of what it issues, PEM. */
  get rootPem(): string {
    return this.#issuer.rootPem;
  }

  /** Answers a request, or says how it fails to. */
  async handle(request: CaRequest): Promise<CaAnswer> {
    const path = pathOf(request.url);
    const endpoint = endpoints[path[0] ?? ''] ?? 'elsewhere';
    const fault = this.faults.take(endpoint, request);
    const answer = this.#withFault(fault, () => this.#respond(endpoint, path, request, fault));
    this.#options.onEvent?.({ type: 'request', endpoint, status: answer.status, at: this.#options.now() });
    return Promise.resolve(answer);
  }

  #withFault(fault: Fault | undefined, respond: () => CaAnswer): CaAnswer {
    if (typeof fault === 'object') return fault;
    if (fault === 'reset' || fault === 'silence') return { status: 0, headers: {}, body: '', broken: fault };
    const answer = respond();
    if (fault === 'half') return { ...answer, broken: 'half' };
    return fault === 'lost' ? { ...answer, broken: 'reset' } : answer;
  }

  #respond(
    endpoint: CaEndpoint,
    path: readonly string[],
    request: CaRequest,
    fault: Fault | undefined,
  ): CaAnswer {
    try {
      const draft = this.#route(endpoint, path, request, fault === 'bad-nonce');
      return this.#answer(request, draft);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const json = { ...problemJson(error.problem), ...error.extra };
      const headers = { 'content-type': 'application/problem+json', ...error.headers };
      return this.#answer(request, { status: error.problem.status, headers, json });
    }
  }

  #answer(request: CaRequest, { status = 200, headers = {}, json, text = '' }: Draft): CaAnswer {
    // As Boulder: on the answer to each signed request, and where nonces are asked for.
    const fresh = request.method === 'POST' || request.url.endsWith('/new-nonce');
    return {
      status,
      headers: {
        date: new Date(this.#options.now()).toUTCString(),
        'cache-control': 'public, max-age=0, no-cache',
        link: `<${this.directoryUrl}>;rel="index"`,
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(fresh && { 'replay-nonce': this.nonces.issue() }),
        ...headers,
      },
      body: json === undefined ? text : JSON.stringify(json),
    };
  }

  #route(endpoint: CaEndpoint, path: readonly string[], request: CaRequest, refuseNonce: boolean): Draft {
    if ((headerOf(request, 'user-agent') ?? '') === '') throw malformed('The User-Agent header is missing');
    switch (endpoint) {
      case 'directory':
        allow(request, 'GET', 'HEAD');
        return { json: this.#directory() };
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
        return this.#signedRoute(endpoint, path, request, this.#authenticate(endpoint, request, refuseNonce));
    }
  }

  #signedRoute(endpoint: CaEndpoint, path: readonly string[], request: CaRequest, signed: Signed): Draft {
    if (endpoint === 'new-account') return this.#newAccount(signed, request);
    const { account, jws } = signed;
    if (account === undefined) throw malformed('No Key ID in JWS header');
    if (this.newTerms !== undefined) throw termsChanged(this.newTerms);
    switch (endpoint) {
      case 'account':
        if (account.url !== request.url) throw unauthorized('Request signing key did not match account key');
        if (jws.payload !== '') this.accounts.update(account, payloadOf(jws));
        return { json: accountJson(account) };
      case 'key-change':
        this.accounts.changeKey(account, signed.key, jws.payload, request.url);
        return { json: accountJson(account) };
      case 'new-order': {
        const order = this.#issuance.order(account, payloadOf(jws));
        return { ...this.#orderDraft(order, {}), status: 201 };
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
      case 'revoke-cert':
        return this.#revoke(account, jws);
      default:
        throw notFound('such page');
    }
  }

  /** RFC 8555 sections 6.2 to 6.5. */
  #authenticate(endpoint: CaEndpoint, request: CaRequest, refuseNonce: boolean): Signed {
    if (headerOf(request, 'content-type') !== 'application/jose+json')
      throw malformed(
        'Invalid Content-Type header on POST. Content-Type must be "application/jose+json"',
        415,
      );
    if (headerOf(request, 'replay-nonce') !== undefined)
      throw malformed('HTTP requests should NOT contain Replay-Nonce header. Use JWS nonce field');
    const jws = parseJws(request.body);
    checkAlgorithm(jws);
    if ((jws.jwk === undefined) === (jws.kid === undefined))
      throw malformed('jwk and kid header fields are mutually exclusive, and one of them is needed');
    if (jws.jwk !== undefined && endpoint !== 'new-account') throw malformed('No Key ID in JWS header');
    if (jws.jwk === undefined && endpoint === 'new-account') throw malformed('No embedded JWK in JWS header');
    const account = jws.kid === undefined ? undefined : this.accounts.byUrl(jws.kid);
    const key = account?.key ?? publicKey(jws.jwk ?? {});
    if (this.#options.fast !== true) verifyJws(jws, key);
    if (jws.url !== request.url)
      throw unauthorized(
        `JWS header parameter 'url' incorrect. Expected ${JSON.stringify(request.url)} got ${JSON.stringify(jws.url)}`,
        401,
      );
    if (jws.nonce === undefined) throw badNonce('JWS has no anti-replay nonce');
    const good = this.nonces.redeem(jws.nonce);
    if (!good || refuseNonce || this.faults.refusesNonce())
      throw badNonce(
        `Unable to validate JWS :: JWS has an invalid anti-replay nonce: ${JSON.stringify(jws.nonce)}`,
      );
    return { jws, key, account };
  }

  #directory(): object {
    const { externalAccounts, renewalInfo } = this.#options;
    const descriptions = Object.entries(this.#profiles).map(([name, { description }]) => [name, description]);
    return {
      newNonce: `${this.origin}/new-nonce`,
      newAccount: `${this.origin}/new-account`,
      newOrder: `${this.origin}/new-order`,
      revokeCert: `${this.origin}/revoke-cert`,
      keyChange: `${this.origin}/key-change`,
      ...(renewalInfo !== false && { renewalInfo: `${this.origin}/renewal-info` }),
      meta: {
        termsOfService: `${this.origin}/terms`,
        profiles: Object.fromEntries(descriptions),
        ...(externalAccounts !== undefined && { externalAccountRequired: true }),
      },
      // Boulder puts one in so that clients learn to ignore what they don't know.
      Pj2Wn5aVcKI: 'https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417',
    };
  }

  #newAccount({ jws, key }: Signed, request: CaRequest): Draft {
    const { account, isNew } = this.accounts.register(key, payloadOf(jws), request.url, () =>
      this.limits.register(request.source ?? '127.0.0.1'),
    );
    return { status: isNew ? 201 : 200, headers: { location: account.url }, json: accountJson(account) };
  }

  #order(number: string | undefined, account: CaAccount): CaOrder {
    const order = this.#orders.get(Number(number));
    if (order === undefined || order.account !== account || order.expires <= this.#options.now())
      throw notFound(`order for account ID ${account.number}`);
    return order;
  }

  #orderDraft(order: CaOrder, { polled = false }: { readonly polled?: boolean }): Draft {
    const actual = statusOf(order, this.#options.now());
    const lags = order.lag > 0 && (actual === 'processing' || actual === 'valid');
    if (lags) order.lag -= 1;
    const status = lags ? 'ready' : actual;
    const after = this.#options.pollAfter?.order;
    return {
      headers: {
        location: this.#orders.url(order),
        ...(polled && after !== undefined && status === 'processing' && { 'retry-after': String(after) }),
      },
      json: this.#orders.json(order, status, (authorization) => this.#authorizations.url(authorization)),
    };
  }

  #authorizationOf(number: string | undefined, account: CaAccount): CaAuthorization {
    const authorization = this.#authorizations.get(Number(number));
    if (authorization === undefined || authorization.expires <= this.#options.now())
      throw notFound('authorization');
    if (authorization.account !== account) throw unauthorized('Account ID did not match order ID');
    return authorization;
  }

  #authorization(authorization: CaAuthorization, jws: Jws): Draft {
    if (jws.payload !== '') {
      if (payloadOf(jws)['status'] !== 'deactivated') throw malformed('Invalid status value');
      authorization.status = 'deactivated';
    }
    const after = this.#options.pollAfter?.authorization;
    const waits = authorization.status === 'pending' && after !== undefined;
    return {
      headers: waits ? { 'retry-after': String(after) } : {},
      json: this.#authorizations.json(authorization),
    };
  }

  #challenge(authorization: CaAuthorization, type: string | undefined, jws: Jws): Draft {
    const challenge = authorization.challenges.find((each) => each.type === type);
    if (challenge === undefined) throw notFound('challenge');
    if (jws.payload !== '') {
      payloadOf(jws);
      this.#issuance.answer(authorization, challenge);
    }
    const up = `<${this.#authorizations.url(authorization)}>;rel="up"`;
    return {
      headers: { link: `<${this.directoryUrl}>;rel="index", ${up}` },
      json: this.#authorizations.challengeJson(authorization, challenge),
    };
  }

  #finalize(order: CaOrder, jws: Jws): Draft {
    const csr = stringField(payloadOf(jws), 'csr');
    if (csr === undefined || !/^[A-Za-z0-9_-]+$/.test(csr)) throw malformed('CSR is not base64url');
    this.#issuance.finalize(order, Buffer.from(csr, 'base64url'));
    return this.#orderDraft(order, { polled: true });
  }

  #certificate(serial: string, account: CaAccount): Draft {
    const order = this.#orders.bySerial(serial);
    if (order?.certificate === undefined) throw notFound('certificate');
    if (order.account !== account) throw unauthorized('Account in use did not issue specified certificate');
    const headers = { 'content-type': 'application/pem-certificate-chain' };
    return { headers, text: order.certificate.chainPem };
  }

  #revoke(account: CaAccount, jws: Jws): Draft {
    const payload = payloadOf(jws);
    const der = Buffer.from(stringField(payload, 'certificate') ?? '', 'base64url');
    const reason = payload['reason'] ?? 0;
    if (![0, 1, 4, 5].some((allowed) => allowed === reason))
      throw new Refusal({
        type: 'badRevocationReason',
        detail: 'unsupported revocation reason code',
        status: 400,
      });
    for (const certificate of this.renewalInfo.certificates()) {
      const serial = Buffer.from(certificate.id.split('.')[1] ?? '', 'base64url');
      if (!der.includes(serial)) continue;
      if (certificate.account !== account) throw unauthorized('The requester did not issue the certificate');
      this.#issuance.revoke(certificate);
      return {};
    }
    throw notFound('certificate');
  }

  #renewalInfo(id: string): Draft {
    if (this.#options.renewalInfo === false) throw notFound('such page');
    const after = this.#options.renewalInfoAfter ?? 21_600;
    return {
      headers: { 'retry-after': String(after) },
      json: this.renewalInfo.json(this.renewalInfo.get(id)),
    };
  }

  #unpause(request: CaRequest): Draft {
    allow(request, 'GET', 'POST');
    const headers = { 'content-type': 'text/html' };
    if (request.method === 'GET')
      return { headers, text: '<form method="post"><button>Please unpause my account</button></form>' };
    const count = this.pauses.unpause(new URL(request.url).searchParams.get('jwt') ?? '');
    if (count === undefined) throw malformed('The URL is not valid');
    return { headers, text: `<p>Unpaused ${count} identifiers</p>` };
  }
}

function pathOf(url: string): string[] {
  return URL.canParse(url) ? new URL(url).pathname.split('/').slice(1) : [];
}

function allow(request: CaRequest, ...methods: readonly string[]): void {
  if (!methods.includes(request.method)) throw malformed('Method not allowed', 405);
}

/** Of a POST-as-GET. */
function read(jws: Jws): void {
  if (jws.payload !== '') throw malformed('POST-as-GET requests must have an empty payload');
}

function badNonce(detail: string): Refusal {
  return new Refusal({ type: 'badNonce', detail, status: 400 });
}

function termsChanged(url: string): Refusal {
  const detail = 'Terms of service have changed';
  const link = `<${url}>;rel="terms-of-service"`;
  return new Refusal({ type: 'userActionRequired', detail, status: 403 }, { link }, { instance: url });
}
