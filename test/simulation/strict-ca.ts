import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { AcmeTransport } from '../../src/acme/transport/transport.ts';
import { generateKey } from '../../src/certificate/key.ts';
import type { CaAccount } from '../ca/accounts.ts';
import type { Finding } from '../ca/authorizations.ts';
import { ScriptedCa } from '../ca/ca.ts';
import type { CaAnswer, CaRequest, Identifier } from '../ca/exchange.ts';
import type { Fault } from '../ca/faults.ts';
import { publicKey } from '../ca/jws.ts';
import { letsEncryptLimits, type CaLimit as StrictLimit } from '../ca/limit-rules.ts';
import type { LimitScope } from '../ca/limits.ts';
import type { CaEvent } from '../ca/options.ts';
import { type Outage, troubleAt } from './outages.ts';
import {
  type CaClient,
  type CaLimit,
  type CaParts,
  type Count,
  origin,
  type SimulatedCa,
} from './simulated-ca.ts';
import { StrictConnection } from './strict-connection.ts';
import { second } from './time-units.ts';

const limitNames: Readonly<Record<CaLimit, StrictLimit>> = {
  orders: 'orders',
  domain: 'certificates-per-domain',
  set: 'certificates-per-set',
  failures: 'failed-authorizations',
  pause: 'consecutive-failures',
};
const incident = 'https://ca.example/incident';
const userAgent = 'kube-lego/simulation';
/** Of the good nonces; a real CA has several that do not know of each other's. */
const rejectedNonces = 0.01;

/** The CA of test/ca in a simulation: its signatures, nonces and certificates are real, its clock is that of the simulation. */
export class StrictCa implements SimulatedCa {
  readonly accountUrl: string;
  readonly outages: Outage[] = [];
  readonly #parts: CaParts;
  readonly #ca: ScriptedCa;
  readonly #account: CaAccount;
  /** Milliseconds until the answer that is being made will be heard. */
  #latency = 0;

  constructor(parts: CaParts) {
    const { accountKey, random, renewalInfoPeriod, time } = parts;
    this.#parts = parts;
    this.#ca = new ScriptedCa({
      now: () => time.now,
      validate: (host) => this.#lookAt(host),
      origin,
      seed: random.below(2 ** 32),
      limits: letsEncryptLimits,
      issuanceTime: () => (random.chance(0.5) ? 0 : random.between(500, 4000)),
      pollAfter: { order: 3, authorization: 3 },
      renewalInfo: renewalInfoPeriod !== undefined,
      renewalInfoAfter: (renewalInfoPeriod ?? 0) / second,
      onEvent: (event) => this.#tell(event),
    });
    this.#ca.faults.badNonceRate = rejectedNonces;
    this.#ca.faults.script('all', () => this.#trouble());
    const key = publicKey({ ...createPublicKey(accountKey).export({ format: 'jwk' }) });
    const agreed = { termsOfServiceAgreed: true };
    this.#account = this.#ca.accounts.register(key, agreed, '', () => undefined).account;
    this.accountUrl = this.#account.url;
  }

  connect(): CaClient {
    const { random } = this.#parts;
    return {
      newTransport: (options) => {
        const { clock } = options;
        const connection = new StrictConnection({ ca: this, clock, random, userAgent });
        return new AcmeTransport({ ...options, connection });
      },
    };
  }

  keyMaker(): typeof generateKey {
    return generateKey;
  }

  /**
   * Answers a request at once, by the state that things are in now.
   * @param latency milliseconds until the answer will be heard
   */
  async answer(request: CaRequest, latency: number): Promise<CaAnswer> {
    const { witness } = this.#parts;
    const resource = resourceOf(request.url);
    witness.asked(resource);
    this.#latency = latency;
    const answer = await this.#ca.handle(request);
    const wait = answer.headers['retry-after'];
    // A refusal by a limit is about what that counts, and `refused` tells of it.
    if (wait !== undefined && answer.status !== 429 && answer.broken === undefined) {
      witness.toldToWait(resource, Number(wait) * second, latency);
    }
    return answer;
  }

  issueBefore(
    hosts: readonly string[],
    profile: string,
    at: number,
  ): { readonly chainPem: string; readonly keyPem: string } {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const publicKeyDer = pair.publicKey.export({ type: 'spki', format: 'der' });
    const subscription = { account: this.#account, identifiers: hosts.map(asIdentifier), profile };
    return { chainPem: this.#ca.issuedBefore(subscription, publicKeyDer, at), keyPem };
  }

  spendElsewhere(hosts: readonly string[], sameAccount: boolean): void {
    this.#ca.limits.issuedElsewhere(hosts.map(asIdentifier), sameAccount ? this.#account : undefined);
  }

  recall(): void {
    this.#ca.renewalInfo.recall(incident);
  }

  isRecalled({ id = '' }: { readonly id?: string | undefined }): boolean {
    return this.#ca.renewalInfo.get(id).window?.explanationUrl === incident;
  }

  lowest(limit: CaLimit): number {
    return this.#ca.limits.lowest(limitNames[limit]);
  }

  #lookAt(host: string): Promise<Finding> {
    const { hosts, random, time, witness } = this.#parts;
    return new Promise((resolve) => {
      time.after(random.between(300, 2500), () => {
        const finding = hosts.finding(host);
        if (finding !== 'ok') witness.hostFailed(host);
        resolve(finding);
      });
    });
  }

  #trouble(): Fault | undefined {
    const { random, time, witness } = this.#parts;
    const trouble = troubleAt(this.outages, time.now, random);
    if (trouble === undefined) return undefined;
    witness.busy();
    if (trouble !== 'silence') return trouble;
    return (['silence', 'reset', 'half', 'lost'] as const)[random.below(4)];
  }

  #tell(event: CaEvent): void {
    const { witness } = this.#parts;
    const latency = this.#latency;
    switch (event.type) {
      case 'order-asked': {
        const pauses = event.identifiers.map(({ value }): Count => ({ limit: 'pause', of: value }));
        witness.orderAsked(names(event.identifiers), [...event.scopes.map(countOf), ...pauses]);
        return;
      }
      case 'order-made':
        witness.orderMade(names(event.identifiers), event.reused);
        return;
      case 'denied':
        witness.refused(countOf(event), event.until - event.at, latency);
        return;
      case 'pause-met':
        witness.refused({ limit: 'pause', of: event.identifier }, undefined, latency);
        return;
      case 'issued':
        witness.issued(event.certificateId);
        return;
      case 'request':
      case 'paused':
      case 'revoked':
      case 'proof-failed':
    }
  }
}

/** What a Retry-After is about: an order, an authorization with its challenge, a certificate's renewal, or all new orders. */
export function resourceOf(url: string): string {
  return new URL(url).pathname
    .replace(/^\/finalize\//, '/order/')
    .replace(/^\/challenge\/(\d+)\/.*/, '/authz/$1');
}

function countOf({ limit, scope }: LimitScope): Count {
  switch (limit) {
    case 'orders':
      return { limit: 'orders', of: 'account' };
    case 'certificates-per-domain':
      return { limit: 'domain', of: scope };
    case 'certificates-per-set':
      return { limit: 'set', of: scope };
    case 'failed-authorizations':
      return { limit: 'failures', of: scope.split(' ')[1] ?? '' };
    case 'consecutive-failures':
    case 'registrations':
      throw new Error(`no order is held against ${limit}`);
  }
}

function asIdentifier(value: string): Identifier {
  return { type: 'dns', value };
}

function names(identifiers: readonly Identifier[]): string[] {
  return identifiers.map(({ value }) => value);
}
