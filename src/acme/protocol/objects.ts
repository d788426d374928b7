import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { arrayField, isRecord, recordField, stringField } from '../../process/json.ts';
import type { Identifier, Problem } from '../transport/problem.ts';
import { absoluteUrl, readIdentifier, readProblem } from '../transport/problem-document.ts';

/** The used fields of an order (RFC 8555 section 7.1.3). */
export interface OrderObject {
  readonly url: string;
  readonly status: string;
  readonly identifiers: readonly Identifier[];
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly profile: string | undefined;
  /** By the CA's clock, milliseconds since the epoch. */
  readonly expires: number | undefined;
  readonly error: Problem | undefined;
  readonly certificate: string | undefined;
}

/** A challenge (RFC 8555 section 8). */
export interface ChallengeObject {
  readonly type: string;
  readonly url: string;
  readonly status: string;
  readonly token: string | undefined;
  readonly error: Problem | undefined;
}

/** An authorization (RFC 8555 section 7.1.4). */
export interface AuthorizationObject {
  readonly identifier: Identifier;
  readonly status: string;
  /** For `*.` and the identifier. */
  readonly wildcard: boolean;
  readonly challenges: readonly ChallengeObject[];
}

/** Characters of a status or profile. */
const longestWord = 100;
/** Authorizations of an order, and challenges of an authorization: each costs requests. */
const mostParts = 200;

/** @returns undefined if a required field is missing */
export function readOrder(url: string, value: unknown): OrderObject | undefined {
  const status = stringField(value, 'status');
  const finalize = urlField(value, 'finalize', url);
  if (status === undefined || finalize === undefined) return undefined;
  const profile = stringField(value, 'profile');
  const expires = Date.parse(stringField(value, 'expires') ?? '');
  return {
    url,
    status: oneLine(status, longestWord),
    finalize,
    identifiers: arrayField(value, 'identifiers')
      .slice(0, mostParts)
      .flatMap((item) => readIdentifier(item) ?? []),
    authorizations: arrayField(value, 'authorizations')
      .slice(0, mostParts)
      .flatMap((item) => (typeof item === 'string' ? [absoluteUrl(item, url)] : [])),
    profile: profile === undefined ? undefined : oneLine(profile, longestWord),
    expires: Number.isNaN(expires) ? undefined : expires,
    error: readProblem(recordField(value, 'error')),
    certificate: urlField(value, 'certificate', url),
  };
}

/** @returns undefined if a required field is missing */
export function readAuthorization(url: string, value: unknown): AuthorizationObject | undefined {
  const identifier = readIdentifier(recordField(value, 'identifier'));
  const status = stringField(value, 'status');
  if (identifier === undefined || status === undefined) return undefined;
  return {
    identifier,
    status: oneLine(status, longestWord),
    wildcard: isRecord(value) && value['wildcard'] === true,
    challenges: arrayField(value, 'challenges')
      .slice(0, mostParts)
      .flatMap((item) => readChallenge(item, url) ?? []),
  };
}

function readChallenge(value: unknown, base: string): ChallengeObject | undefined {
  const type = stringField(value, 'type');
  const url = urlField(value, 'url', base);
  const status = stringField(value, 'status');
  if (type === undefined || url === undefined || status === undefined) return undefined;
  return {
    type: oneLine(type, longestWord),
    url,
    status: oneLine(status, longestWord),
    token: stringField(value, 'token'),
    error: readProblem(recordField(value, 'error')),
  };
}

/** The URL in this field, which may be relative. */
function urlField(value: unknown, field: string, base: string): string | undefined {
  const text = stringField(value, field);
  return text === undefined ? undefined : absoluteUrl(text, base);
}
