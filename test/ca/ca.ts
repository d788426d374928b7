import { Accounts } from './accounts.ts';
import { Authorizations } from './authorizations.ts';
import type { CaAnswer, CaEndpoint, CaRequest } from './exchange.ts';
import { type Fault, Faults } from './faults.ts';
import { inOrder } from './identifiers.ts';
import { Issuance, type Subscription } from './issuance.ts';
import { Issuer } from './issuer.ts';
import { Limits } from './limits.ts';
import { Nonces } from './nonces.ts';
import type { CaOptions } from './options.ts';
import { Orders } from './orders.ts';
import { Pauses } from './pauses.ts';
import { letsEncryptProfiles } from './profiles.ts';
import { randomToken, seededRandom } from './random.ts';
import { problemJson, Refusal } from './refusal.ts';
import { RenewalInfo } from './renewal-info.ts';
import { type Draft, Resources } from './resources.ts';

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
 * An ACME CA (RFC 8555, RFC 9773) as strict as a real one, with Boulder's error texts and faults that tests script: for what
 * pebble can't do, and for hundreds of orders in flight. It has no socket, no timer and no clock of its own;
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
  readonly #options: CaOptions;
  readonly #issuance: Issuance;
  readonly #issuer: Issuer;
  readonly #resources: Resources;

  constructor(options: CaOptions) {
    const random = seededRandom(options.seed ?? 1);
    this.origin = options.origin ?? 'https://ca.test';
    this.accounts = new Accounts({ ...options, origin: this.origin });
    this.faults = new Faults(random);
    this.limits = new Limits({
      now: options.now,
      random,
      rules: options.limits ?? {},
      jitter: options.limitJitter ?? 0.03,
      speed: options.limitSpeed,
      onDenied: (denial) => options.onEvent?.({ type: 'denied', at: options.now(), ...denial }),
    });
    this.nonces = new Nonces(random);
    // As long as Boulder's JWT for many names.
    this.pauses = new Pauses(this.origin, () => randomToken(random, 1100));
    this.renewalInfo = new RenewalInfo(options.now);
    this.#options = options;
    this.#issuer = new Issuer(options.now(), random);
    const parts = {
      options,
      origin: this.origin,
      profiles: options.profiles ?? letsEncryptProfiles,
      random,
      issuer: this.#issuer,
      accounts: this.accounts,
      authorizations: new Authorizations(this.origin),
      faults: this.faults,
      limits: this.limits,
      nonces: this.nonces,
      orders: new Orders(this.origin),
      pauses: this.pauses,
      renewalInfo: this.renewalInfo,
    };
    this.#issuance = new Issuance(parts);
    this.#resources = new Resources({ ...parts, issuance: this.#issuance });
  }

  /** New terms of service: accounts are unusable until they agree, which they never do; undefined for none. */
  changeTerms(url: string | undefined): void {
    this.#resources.newTerms = url;
  }

  get directoryUrl(): string {
    return `${this.origin}/directory`;
  }

  /** Its root certificate, PEM. */
  get rootPem(): string {
    return this.#issuer.rootPem;
  }

  /**
   * A certificate of an account, issued long ago.
   * @param publicKeyDer SubjectPublicKeyInfo
   * @param at milliseconds since the epoch, at most a year ago
   * @returns the chain, PEM
   */
  issuedBefore(subscription: Subscription, publicKeyDer: Buffer, at: number): string {
    const identifiers = inOrder(subscription.identifiers);
    return this.#issuance.issue({ ...subscription, identifiers }, publicKeyDer, at).chainPem;
  }

  /** Answers a request, or fails as scripted. */
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
      const draft = this.#resources.answer(endpoint, path, request, fault === 'bad-nonce');
      return this.#answer(request, draft);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const json = { ...problemJson(error.problem), ...error.extra };
      const headers = { 'content-type': 'application/problem+json', ...error.headers };
      return this.#answer(request, { status: error.problem.status, headers, json });
    }
  }

  #answer(request: CaRequest, { status = 200, headers = {}, json, text = '' }: Draft): CaAnswer {
    // As Boulder: in the answer to each signed request, and to new-nonce.
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
}

function pathOf(url: string): string[] {
  return URL.canParse(url) ? new URL(url).pathname.split('/').slice(1) : [];
}
