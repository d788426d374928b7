import type { CaAccount } from './accounts.ts';
import type { Identifier } from './exchange.ts';
import { type ProblemDocument, problemJson } from './refusal.ts';

/** The result of a validation. */
export type Finding = 'ok' | 'dns' | 'connection' | 'wrong-answer';

export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01';

export interface CaChallenge {
  readonly type: ChallengeType;
  status: 'pending' | 'processing' | 'valid' | 'invalid';
  error: ProblemDocument | undefined;
  validatedAt: number | undefined;
}

export interface CaAuthorization {
  readonly number: number;
  readonly account: CaAccount;
  readonly identifier: Identifier;
  readonly wildcard: boolean;
  readonly profile: string;
  readonly token: string;
  readonly challenges: readonly CaChallenge[];
  status: 'pending' | 'valid' | 'invalid' | 'deactivated';
  /** Milliseconds since the epoch. */
  expires: number;
}

export function newChallenge(type: ChallengeType): CaChallenge {
  return { type, status: 'pending', error: undefined, validatedAt: undefined };
}

/** The authorizations (RFC 8555 section 7.1.4). */
export class Authorizations {
  readonly #origin: string;
  readonly #byNumber = new Map<number, CaAuthorization>();
  /** Valid ones, by account, profile and identifier. */
  readonly #reusable = new Map<string, CaAuthorization>();
  #count = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  get(number: number): CaAuthorization | undefined {
    return this.#byNumber.get(number);
  }

  create(parts: {
    readonly account: CaAccount;
    readonly identifier: Identifier;
    readonly profile: string;
    readonly token: string;
    readonly expires: number;
  }): CaAuthorization {
    this.#count += 1;
    const wildcard = parts.identifier.value.startsWith('*.');
    const types: ChallengeType[] = wildcard
      ? ['dns-01']
      : parts.identifier.type === 'ip'
        ? ['http-01', 'tls-alpn-01']
        : ['http-01', 'dns-01', 'tls-alpn-01'];
    const authorization: CaAuthorization = {
      ...parts,
      number: this.#count,
      wildcard,
      challenges: types.map(newChallenge),
      status: 'pending',
    };
    this.#byNumber.set(authorization.number, authorization);
    return authorization;
  }

  /** One that is valid, and will be for at least as long as `until`. */
  reusable(
    account: CaAccount,
    profile: string,
    { value }: Identifier,
    until: number,
  ): CaAuthorization | undefined {
    const found = this.#reusable.get(reuseKey(account, profile, value));
    return found?.status === 'valid' && found.expires > until ? found : undefined;
  }

  /** The result of the validation: it finalizes the authorization and its challenges. */
  settle(
    authorization: CaAuthorization,
    challenge: CaChallenge,
    outcome: {
      readonly now: number;
      readonly validUntil: number;
      readonly error: ProblemDocument | undefined;
    },
  ): void {
    challenge.error = outcome.error;
    challenge.validatedAt = outcome.now;
    challenge.status = outcome.error === undefined ? 'valid' : 'invalid';
    authorization.status = challenge.status;
    if (outcome.error !== undefined) return;
    authorization.expires = outcome.validUntil;
    const { account, identifier, profile } = authorization;
    this.#reusable.set(reuseKey(account, profile, identifier.value), authorization);
  }

  url({ number }: CaAuthorization): string {
    return `${this.#origin}/authz/${number}`;
  }

  challengeUrl({ number }: CaAuthorization, { type }: CaChallenge): string {
    return `${this.#origin}/challenge/${number}/${type}`;
  }

  json(authorization: CaAuthorization): Record<string, unknown> {
    const { identifier, status, wildcard } = authorization;
    // A final authorization shows only the challenge that was used.
    const shown = authorization.challenges.filter(
      (challenge) => status === 'pending' || challenge.validatedAt !== undefined,
    );
    return {
      identifier: wildcard ? { ...identifier, value: identifier.value.slice(2) } : identifier,
      status,
      expires: new Date(authorization.expires).toISOString(),
      challenges: shown.map((challenge) => this.challengeJson(authorization, challenge)),
      ...(wildcard && { wildcard }),
    };
  }

  challengeJson(authorization: CaAuthorization, challenge: CaChallenge): Record<string, unknown> {
    const { error, status, type, validatedAt } = challenge;
    return {
      type,
      url: this.challengeUrl(authorization, challenge),
      status,
      token: authorization.token,
      ...(error !== undefined && { error: problemJson(error) }),
      ...(validatedAt !== undefined && { validated: new Date(validatedAt).toISOString() }),
    };
  }
}

function reuseKey(account: CaAccount, profile: string, value: string): string {
  return `${account.number} ${profile} ${value}`;
}

/** A finding in Boulder's words; undefined if the proof is there. */
export function findingProblem(finding: Finding, host: string, token: string): ProblemDocument | undefined {
  const url = `http://${host}/.well-known/acme-challenge/${token}`;
  switch (finding) {
    case 'ok':
      return undefined;
    case 'dns':
      return {
        type: 'dns',
        detail: `DNS problem: NXDOMAIN looking up A for ${host} - check that a DNS record exists for this domain`,
        status: 400,
      };
    case 'connection':
      return { type: 'connection', detail: `127.0.0.1: Fetching ${url}: Connection refused`, status: 400 };
    case 'wrong-answer':
      return { type: 'unauthorized', detail: `127.0.0.1: Invalid response from ${url}: 404`, status: 403 };
  }
}
