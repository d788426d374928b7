import { minute, second } from '../../../machines/time/durations.ts';
import { isRecord, stringField } from '../../process/json.ts';

/**
 * What went wrong, in words that code may switch on.
 *
 * - `NotFound` and `Forbidden` are said only when the API server itself says so in a Status object: a 404 page of some proxy
 *   in between is an `InvalidResponse`, so nobody concludes from it that an object does not exist, or from its 403 that a
 *   role is missing.
 * - `AlreadyExists` and `Conflict` are the two kinds of 409: the name is taken; the object is not the one judged.
 * - `Gone` is a 410: the resourceVersion or continue token is too old, list again.
 * - `Forbidden` is not said of an API server that is still starting: its 403 is a `ServerError`.
 * - `Timeout`: no answer within the time limit (a write may have happened). `Unreachable`: no connection, or it broke.
 */
export type KubernetesErrorCode =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'TooManyRequests'
  | 'Timeout'
  | 'Unreachable'
  | 'ServerError'
  | 'InvalidResponse';

/** Every failure of a talk with the API server. The message names the request and what the server said, never a body. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly code: KubernetesErrorCode;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** Milliseconds that the server asked to wait before the next try, five minutes at most. */
  readonly retryAfter: number | undefined;

  constructor(
    code: KubernetesErrorCode,
    message: string,
    options: { status?: number | undefined; retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.retryAfter = options.retryAfter;
  }

  /** Whether it is nobody's failure: the API server is out of reach, out of order or busy, and the same request may succeed later. */
  get transient(): boolean {
    return ['TooManyRequests', 'Timeout', 'Unreachable', 'ServerError', 'InvalidResponse'].includes(
      this.code,
    );
  }
}

/** Undefined in place of the one error that the caller expects. */
export async function unless<T>(code: KubernetesErrorCode, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KubernetesError && error.code === code) return undefined;
    throw error;
  }
}

/**
 * For a retry: nothing but trouble that passes is worth another try.
 * @returns milliseconds to wait, no less than the API server asks for
 * @throws every other error
 */
export function unlessTransient(error: unknown, pause: number): number {
  if (error instanceof KubernetesError && error.transient) return Math.max(pause, error.retryAfter ?? 0);
  throw error;
}

const longestServerMessage = 600;
/** Milliseconds. The API server asks for seconds; a day, from whatever stands before it, would let certificates end. */
const longestRetryAfter = 5 * minute;
/**
 * An API server that has just started refuses everybody for a moment, because it does not know its roles yet, not even those
 * that it makes itself: no word on what we may do.
 */
const rolesUnknown = /clusterrole\.rbac\.authorization\.k8s\.io "system:(?:discovery|basic-user)" not found/;
/** A run that long is no host name (RFC 1035, section 2.3.4: 63 octets a label) but encoded data, maybe a key. */
const encodedData = /[A-Za-z0-9+/=]{100,}/g;

/**
 * The error for an HTTP answer that is no success.
 * @param subject method and path of the request
 * @param body the answer's body, as far as it was read; a Status object when the API server wrote it
 * @param retryAfter the Retry-After header as received
 */
export function errorFromAnswer(
  subject: string,
  status: number,
  body: string,
  retryAfter?: string,
): KubernetesError {
  const answer = parseStatus(body);
  const starting = status === 403 && rolesUnknown.test(answer?.message ?? '');
  const code = starting ? 'ServerError' : codeOf(status, answer?.reason, answer !== undefined);
  const said =
    answer === undefined ? 'the answer is not one of the Kubernetes API' : presentable(answer.message);
  return new KubernetesError(code, `${subject}: ${status} ${answer?.reason ?? code}: ${said}`, {
    status,
    retryAfter: parseRetryAfter(retryAfter),
  });
}

/**
 * The error for a request that got no whole answer.
 * @param subject method and path of the request
 */
export function errorFromTransport(subject: string, cause: unknown): KubernetesError {
  if (cause instanceof KubernetesError) return cause;
  const reason = transportCode(cause);
  const timeout = reason !== undefined && /TIMEOUT|ETIMEDOUT/.test(reason);
  const message = cause instanceof Error ? cause.message : String(cause);
  const what = timeout ? 'no answer within the time limit' : 'the API server cannot be reached';
  return new KubernetesError(
    timeout ? 'Timeout' : 'Unreachable',
    `${subject}: ${what}: ${reason ?? message}`,
    { cause },
  );
}

/** The `code` of Node's or undici's error, looked for in its causes too. */
export function transportCode(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < 5 && isRecord(current); depth++) {
    const code = current['code'];
    if (typeof code === 'string' && !(current instanceof KubernetesError)) return code;
    current = current['cause'];
  }
  return undefined;
}

function codeOf(status: number, reason: string | undefined, fromApi: boolean): KubernetesErrorCode {
  if (status === 401) return 'Unauthorized';
  if (status === 403) return fromApi ? 'Forbidden' : 'InvalidResponse';
  if (status === 404) return fromApi ? 'NotFound' : 'InvalidResponse';
  if (status === 408 || status === 504) return 'Timeout';
  if (status === 409) return reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict';
  if (status === 410) return 'Gone';
  if (status === 422) return 'Invalid';
  if (status === 429) return 'TooManyRequests';
  if (status >= 500) return 'ServerError';
  return status >= 400 ? 'BadRequest' : 'InvalidResponse';
}

function parseStatus(body: string): { reason: string | undefined; message: string } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || parsed['kind'] !== 'Status') return undefined;
  return { reason: stringField(parsed, 'reason'), message: stringField(parsed, 'message') ?? 'no message' };
}

function presentable(message: string): string {
  const clean = message.replaceAll(encodedData, '[data]').replaceAll(/\s+/g, ' ');
  return clean.length > longestServerMessage ? `${clean.slice(0, longestServerMessage)}…` : clean;
}

/** The API server sends whole seconds (RFC 9110, section 10.2.3, delay-seconds); anything else is no advice. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d+$/.test(value)) return undefined;
  return Math.min(Number(value) * second, longestRetryAfter);
}
