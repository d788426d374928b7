import type { CaAccount } from './accounts.ts';
import {
  type Authorizations,
  type CaAuthorization,
  type CaChallenge,
  type Finding,
  findingProblem,
} from './authorizations.ts';
import { badCsr, identifiersAskedFor, readSigningRequest } from './csr.ts';
import type { Identifier } from './exchange.ts';
import { readIdentifiers } from './identifiers.ts';
import type { Issued, Issuer } from './issuer.ts';
import type { Limits } from './limits.ts';
import type { CaOptions } from './options.ts';
import { type CaOrder, type Exemption, type Orders, statusOf } from './orders.ts';
import type { Pauses } from './pauses.ts';
import type { CaProfile } from './profiles.ts';
import { randomToken } from './random.ts';
import { malformed, Refusal, unauthorized } from './refusal.ts';
import type { CaCertificate, RenewalInfo } from './renewal-info.ts';

const hour = 3_600_000;

/** What a certificate is made for. */
export interface Subscription {
  readonly account: CaAccount;
  readonly identifiers: readonly Identifier[];
  readonly profile: string;
}

export interface IssuanceParts {
  readonly options: CaOptions;
  readonly profiles: Readonly<Record<string, CaProfile>>;
  readonly random: () => number;
  readonly authorizations: Authorizations;
  readonly orders: Orders;
  readonly limits: Limits;
  readonly pauses: Pauses;
  readonly renewalInfo: RenewalInfo;
  readonly issuer: Issuer;
}

/** From a new order to its certificate, as in Boulder. */
export class Issuance {
  readonly #parts: IssuanceParts;
  #issued = 0;
  /** SubjectPublicKeyInfo, base64. */
  readonly #blockedKeys = new Set<string>();

  constructor(parts: IssuanceParts) {
    this.#parts = parts;
  }

  /** RFC 8555 section 7.4: first pauses, then `replaces`, then limits. @throws Refusal */
  order(account: CaAccount, payload: Readonly<Record<string, unknown>>): CaOrder {
    const { limits, options, orders, renewalInfo } = this.#parts;
    const now = options.now();
    if ('notBefore' in payload || 'notAfter' in payload)
      throw malformed('NotBefore and NotAfter are not supported');
    const profile = this.#profile(payload['profile']);
    const identifiers = readIdentifiers(payload['identifiers'], profile);
    this.#checkPauses(account, identifiers);
    const replaces = this.#replaces(payload['replaces']);
    const replaced =
      replaces === undefined ? undefined : renewalInfo.replaced(replaces, account, identifiers);
    const exemption: Exemption =
      replaced?.exempt === true ? 'ari' : limits.isRenewal(identifiers) ? 'same-set' : 'none';
    const scopes = limits.scopesOf(account, identifiers, exemption);
    options.onEvent?.({ type: 'order-asked', identifiers, scopes, at: now });
    limits.order(account, identifiers, exemption);
    const found =
      options.orderReuse === false ? undefined : orders.reusable(account, identifiers, profile.name, now);
    options.onEvent?.({ type: 'order-made', identifiers, reused: found !== undefined, at: now });
    if (found !== undefined) return found;
    const authorizations = identifiers.map((identifier) => {
      const { name } = profile;
      const margin = Math.min(24 * hour, Math.max(hour, profile.authorizationLifetime(now) / 8));
      const valid =
        options.authorizationReuse === false
          ? undefined
          : this.#parts.authorizations.reusable(account, name, identifier, now + margin);
      if (valid !== undefined) return valid;
      const token = randomToken(this.#parts.random, 32);
      const expires = now + profile.pendingLifetime;
      return this.#parts.authorizations.create({ account, identifier, profile: name, token, expires });
    });
    const expires = Math.min(now + profile.orderLifetime, ...authorizations.map((each) => each.expires));
    const order = orders.create({
      account,
      identifiers,
      added: identifiers.flatMap(({ value }) =>
        (options.addedNames?.(value) ?? []).map((name) => ({ type: 'dns' as const, value: name })),
      ),
      authorizations,
      profile: profile.name,
      replaces,
      exemption,
      expires,
    });
    if (replaced !== undefined) replaced.certificate.replacement = order;
    return order;
  }

  /** The client answers the challenge; the validation finalizes the authorization later. */
  answer(authorization: CaAuthorization, challenge: CaChallenge): void {
    if (authorization.status !== 'pending' || challenge.status !== 'pending') return;
    const { token } = authorization;
    const { value } = authorization.identifier;
    // The key counts that the account has when it answers.
    const keyAuthorization = `${token}.${authorization.account.key.thumbprint}`;
    challenge.status = 'processing';
    challenge.error = undefined;
    this.#look(challenge, value, token, keyAuthorization)
      .catch(() => 'connection' as const)
      .then((found) => this.#settle(authorization, challenge, found))
      .catch(() => undefined);
  }

  #look({ type }: CaChallenge, host: string, token: string, keyAuthorization: string): Promise<Finding> {
    const { validate, validateDns } = this.#parts.options;
    if (type === 'http-01') return validate(host, token, keyAuthorization);
    if (type !== 'dns-01' || validateDns === undefined) return Promise.resolve('wrong-answer');
    return validateDns(host.replace(/^\*\./, ''), keyAuthorization);
  }

  /** @param csr DER. @throws Refusal orderNotReady, badCSR, or unauthorized if it is for other names */
  finalize(order: CaOrder, csr: Buffer): void {
    const { options, orders } = this.#parts;
    const now = options.now();
    const status = statusOf(order, now);
    if (status !== 'ready') {
      const detail = `Order's status (${JSON.stringify(status)}) is not acceptable for finalization`;
      throw new Refusal({ type: 'orderNotReady', detail, status: 403 });
    }
    const publicKeyDer = this.#checkedKey(order, csr);
    const names = [...order.added, ...order.identifiers];
    const made = this.issue({ ...order, identifiers: names }, publicKeyDer, now);
    const { serial, certificateId, notAfter } = made;
    const [leafPem = '', intermediatePem = ''] = made.chainPem.split(/(?<=-----END CERTIFICATE-----\n)/);
    const { rootPem } = this.#parts.issuer;
    const chainPem = options.sentChain?.({ leafPem, intermediatePem, rootPem }) ?? made.chainPem;
    orders.issued(order, serial.toString('hex'), chainPem, now + (options.issuanceTime?.() ?? 0));
    order.lag = options.lagging ?? 0;
    const { identifiers, exemption } = order;
    options.onEvent?.({ type: 'issued', identifiers, certificateId, notAfter, exemption, at: now });
  }

  /** Makes a certificate, and counts it. @param at milliseconds since the epoch, now or before */
  issue(
    { account, identifiers, profile }: Subscription,
    publicKeyDer: Buffer,
    at: number,
  ): Issued & { readonly notAfter: number } {
    const { issuer, limits, renewalInfo } = this.#parts;
    this.#issued += 1;
    const { backdated = hour, validity } = this.#profile(profile);
    const notBefore = Math.floor(at / 1000) * 1000 - backdated;
    const notAfter = notBefore + validity(at) - 1000;
    const made = issuer.issue(this.#issued, identifiers, publicKeyDer, { notBefore, notAfter });
    renewalInfo.add({ id: made.certificateId, account, identifiers, notBefore, notAfter });
    limits.issued(identifiers, at);
    return { ...made, notAfter };
  }

  /**
   * A second time only for a key whose compromise is shown, which no certificate is issued for from then on.
   * @param keyShown SubjectPublicKeyInfo
   */
  revoke(
    certificate: CaCertificate,
    reason: number,
    { keyShown }: { readonly keyShown?: Buffer | undefined } = {},
  ): void {
    const { options } = this.#parts;
    if (keyShown !== undefined) this.#blockedKeys.add(keyShown.toString('base64'));
    if (certificate.revoked && (keyShown === undefined || certificate.revocationReason === 1))
      throw new Refusal({ type: 'alreadyRevoked', detail: 'Certificate already revoked', status: 400 });
    certificate.revoked = true;
    certificate.revocationReason = reason;
    const byKey = keyShown !== undefined;
    options.onEvent?.({ type: 'revoked', certificateId: certificate.id, reason, byKey, at: options.now() });
  }

  #checkPauses(account: CaAccount, identifiers: readonly Identifier[]): void {
    const { options, pauses } = this.#parts;
    for (const { value } of identifiers)
      if (pauses.isPaused(account, value))
        options.onEvent?.({ type: 'pause-met', identifier: value, at: options.now() });
    pauses.check(account, identifiers);
  }

  #checkedKey(order: CaOrder, csr: Buffer): Buffer {
    const request = readSigningRequest(csr);
    if (this.#parts.options.commonNameRequired === true && request.commonNames.length === 0)
      throw badCsr('The CSR has no common name in its subject');
    const asked = new Set(identifiersAskedFor(request).map(({ type, value }) => `${type} ${value}`));
    const ordered = new Set(order.identifiers.map(({ type, value }) => `${type} ${value}`));
    if (asked.size !== ordered.size || ![...asked].every((name) => ordered.has(name)))
      throw unauthorized('Error finalizing order :: CSR does not specify same identifiers as Order');
    const accountKey = order.account.key.object.export({ type: 'spki', format: 'der' });
    if (request.publicKeyDer.equals(accountKey))
      throw badCsr('certificate public key must be different than account key');
    if (this.#blockedKeys.has(request.publicKeyDer.toString('base64')))
      throw badCsr('invalid public key in CSR: public key is forbidden');
    return request.publicKeyDer;
  }

  #settle(
    authorization: CaAuthorization,
    challenge: CaChallenge,
    found: Parameters<typeof findingProblem>[0],
  ): void {
    const { authorizations, limits, options, pauses } = this.#parts;
    const now = options.now();
    const { account, identifier, token } = authorization;
    // The client may have given up in the meantime.
    if (authorization.status !== 'pending') return;
    const error = findingProblem(found, identifier.value, token);
    if (error !== undefined)
      options.onEvent?.({ type: 'proof-failed', identifier: identifier.value, at: now });
    if (error === undefined) limits.succeeded(account, identifier);
    else if (limits.failed(account, identifier)) {
      pauses.pause(account, identifier.value);
      options.onEvent?.({ type: 'paused', identifier: identifier.value, at: now });
    }
    if (error !== undefined && options.failedChallenge === 'pending') {
      challenge.status = 'pending';
      challenge.error = error;
      return;
    }
    const lifetime = this.#profile(authorization.profile).authorizationLifetime(now);
    authorizations.settle(authorization, challenge, { now, validUntil: now + lifetime, error });
  }

  #profile(wanted: unknown): CaProfile & { readonly name: string } {
    const { profiles } = this.#parts;
    const name = wanted === undefined || wanted === '' ? Object.keys(profiles)[0] : wanted;
    const profile = typeof name === 'string' && Object.hasOwn(profiles, name) ? profiles[name] : undefined;
    if (typeof name === 'string' && profile !== undefined) return { ...profile, name };
    const detail = `profile ${JSON.stringify(wanted)} is not recognized`;
    throw new Refusal({ type: 'invalidProfile', detail, status: 400 });
  }

  #replaces(value: unknown): string | undefined {
    if (value === undefined || this.#parts.options.renewalInfo === false) return undefined;
    if (typeof value === 'string') return value;
    throw malformed('replaces is not a string');
  }
}
