import { presentable } from '../../../machines/reasons/foreign-text.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import { isRecord, parsedJson, stringField } from '../../process/json.ts';

/**
 * Error codes.
 *
 * - `NotFound` and `Forbidden` only if the API server says so in a Status object: a 404 or 403 of a proxy is an
 *   `InvalidResponse`, and does not mean that an object or a role is missing.
 * - `AlreadyExists` and `Conflict` are the two kinds of 409: the name is taken; the object has changed.
 * - `Gone` is a 410: the resourceVersion or continue token is too old, list again.
 * - The 403 of an API server that is still starting is a `ServerError`.
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

interface KubernetesErrorOptions {
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
  readonly words?: string | undefined;
  readonly cause?: unknown;
}

/** A failed request to the API server. The message contains the request line and the server's message, never a body. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly code: KubernetesErrorCode;
  /** HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** Retry-After in milliseconds, five minutes at most. */
  readonly retryAfter: number | undefined;
  /** For a person: who of the cluster's policies and webhooks refuses, and its words; else the message. One line. */
  readonly words: string;

  constructor(code: KubernetesErrorCode, message: string, options: KubernetesErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.retryAfter = options.retryAfter;
    this.words = options.words ?? message;
  }

  /** Whether the API server is unreachable, failing or busy, so that the same request may succeed later. */
  get transient(): boolean {
    return ['TooManyRequests', 'Timeout', 'Unreachable', 'ServerError', 'InvalidResponse'].includes(
      this.code,
    );
  }
}

/** Whether the API server answered Forbidden. */
export function isForbidden(error: unknown): boolean {
  return error instanceof KubernetesError && error.code === 'Forbidden';
}

/** Whether the API server does not let this identity do it, or does not know it any more. */
export function isDenied(error: unknown): boolean {
  return isForbidden(error) || (error instanceof KubernetesError && error.code === 'Unauthorized');
}

/** Whether the object is not as it was read. */
export function isConflict(error: unknown): error is KubernetesError {
  return error instanceof KubernetesError && error.code === 'Conflict';
}

/** Undefined instead of the one error that the caller expects. */
export async function unless<T>(code: KubernetesErrorCode, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KubernetesError && error.code === code) return undefined;
    throw error;
  }
}

/** @returns milliseconds: the pause, and at least the API server's Retry-After */
export function asAsked(error: unknown, pause: number): number {
  return error instanceof KubernetesError ? Math.max(pause, error.retryAfter ?? 0) : pause;
}

const longestServerMessage = 600;
const longestReason = 100;
/** Milliseconds. The API server asks for seconds; a day, for example from a proxy, would let certificates expire. */
const longestRetryAfter = 5 * minute;
/**
 * An API server that has just started denies all requests for a moment, because it has not loaded its roles yet: this says
 * nothing about our permissions.
 */
const rolesUnknown = /clusterrole\.rbac\.authorization\.k8s\.io "system:(?:discovery|basic-user)" not found/;

/**
 * The error for an unsuccessful HTTP answer.
 * @param subject method and path of the request
 * @param body the answer's body, as far as it was read; a Status object if it is the API server's
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
    answer === undefined
      ? 'the answer is not one of the Kubernetes API'
      : presentable(answer.message, longestServerMessage);
  return new KubernetesError(code, `${subject}: ${status} ${answer?.reason ?? code}: ${said}`, {
    status,
    retryAfter: parseRetryAfter(retryAfter),
    words: denialIn(said),
  });
}

/** Admission control (policies, webhooks) begins with who is asked, and ends with its own words. */
const denial =
  /\b(ValidatingAdmissionPolicy|admission webhook) ['"]([^'"]{1,253})['"][^:]{0,300}? denied (?:the )?request: (.+)$/;

/** @returns undefined if it is no refusal of admission control */
function denialIn(said: string): string | undefined {
  const [, kind = '', name = '', words] = denial.exec(said) ?? [];
  if (words === undefined) return undefined;
  return `the ${kind === 'admission webhook' ? 'webhook' : 'policy'} "${name}" of the cluster says: ${words}`;
}

/**
 * The error for a request without a complete answer.
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

/** The `code` of Node's or undici's error, or of its causes. */
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
  const parsed = parsedJson(body);
  if (!isRecord(parsed) || parsed['kind'] !== 'Status') return undefined;
  const reason = stringField(parsed, 'reason');
  return {
    reason: reason === undefined ? undefined : presentable(reason, longestReason),
    message: stringField(parsed, 'message') ?? 'no message',
  };
}

/** The API server sends whole seconds (RFC 9110, section 10.2.3, delay-seconds); anything else is ignored. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d+$/.test(value)) return undefined;
  return Math.min(Number(value) * second, longestRetryAfter);
}
