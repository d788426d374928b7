import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import { AcmeProblem, isPause, type Problem, problemWords } from '../transport/problem.ts';

/**
 * - `refused`: the CA refused the order or a later request about it.
 * - `profile-not-offered`: the requested profile is not in the CA's directory.
 * - `identifiers-differ`: the order is for other names than requested.
 * - `not-ours`: the CA returned an order that was finalized with another key.
 * - `challenge-not-offered`: the CA does not offer the host's type of challenge.
 * - `challenge-failed`: the CA could not validate a host.
 * - `authorization-lost`: an authorization was deactivated, revoked or has expired.
 * - `csr-refused`: the CA refused the CSR.
 * - `invalid`: the order failed after its hosts were proven.
 * - `expired`: the order expired.
 * - `out-of-time`: the order is unfinished at the end of our time limit.
 */
export type OrderErrorKind =
  | 'refused'
  | 'profile-not-offered'
  | 'identifiers-differ'
  | 'not-ours'
  | 'challenge-not-offered'
  | 'challenge-failed'
  | 'authorization-lost'
  | 'csr-refused'
  | 'invalid'
  | 'expired'
  | 'out-of-time';

/** The CA's problem with one host. */
export interface HostProblem {
  readonly host: string;
  readonly problem: Problem;
}

/** Characters: the words about some hosts; the others have the same problem as a rule. */
const longestMessage = 4000;
const mostParticulars = 20;

/** A failed order. The message has the hosts, the CA's reason and the remedy. */
export class OrderError extends Error {
  override readonly name = 'OrderError';
  readonly code = 'OrderError';
  readonly kind: OrderErrorKind;
  /** The failed hosts, if the CA names them; a retry without them may succeed. */
  readonly failures: readonly HostProblem[];
  /** The problem of the order, or of the first failed host. */
  readonly problem: Problem | undefined;
  /** The CA's Retry-After in milliseconds. */
  readonly retryAfter: number | undefined;
  /** The CA was unreachable or busy: a retry may succeed. */
  readonly transient: boolean;

  constructor(
    kind: OrderErrorKind,
    message: string,
    options: {
      cause?: unknown;
      failures?: readonly HostProblem[];
      problem?: Problem | undefined;
      retryAfter?: number;
    } = {},
  ) {
    super(
      oneLine(message, longestMessage),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    const cause = options.cause instanceof AcmeProblem ? options.cause : undefined;
    this.kind = kind;
    this.failures = options.failures ?? [];
    this.problem = options.problem ?? this.failures[0]?.problem ?? cause;
    this.retryAfter = options.retryAfter ?? cause?.retryAfter;
    this.transient = cause?.transient ?? false;
  }

  /** The failed host, if there is exactly one. */
  get host(): string | undefined {
    return this.failures.length === 1 ? this.failures[0]?.host : undefined;
  }

  /** Capability URL that unpauses an identifier: only the Ingress's owner may see it. */
  get unpauseUrl(): string | undefined {
    return this.cause instanceof AcmeProblem ? this.cause.unpauseUrl : undefined;
  }
}

/** The error of hosts that the CA could not validate. */
export function challengeFailed(ca: string, failures: readonly HostProblem[]): OrderError {
  const words = failures.map(
    ({ host, problem }) => `${ca} could not validate ${host} (${problem.type}): ${problemWords(problem)}`,
  );
  return new OrderError('challenge-failed', sentences(...words), { failures });
}

/** The error of an order that became invalid after its hosts were proven. */
export function orderFailed(ca: string, hosts: readonly string[], problem: Problem | undefined): OrderError {
  const what =
    problem === undefined
      ? 'the order is invalid, without a reason given. A new attempt makes a new order.'
      : `the order failed (${problem.type}): ${problemWords(problem)}`;
  const failures = problem === undefined ? [] : blamedHosts(hosts, problem);
  return new OrderError('invalid', `No certificate for ${hosts.join(', ')} from ${ca}: ${what}`, {
    failures,
    problem,
  });
}

/** The error of a refused request about an order; names the hosts that the CA names, else all. */
export function requestRefused(
  kind: OrderErrorKind,
  hosts: readonly string[],
  cause: AcmeProblem,
): OrderError {
  const failures = blamedHosts(hosts, cause);
  const subject = failures.length > 0 ? failures.map(({ host }) => host).join(', ') : hosts.join(', ');
  const particulars = cause.subproblems
    .filter((part) => part.identifier !== undefined)
    .slice(0, mostParticulars)
    .map((part) => `${part.identifier?.value} (${part.type}): ${problemWords(part)}`);
  const message = sentences(`No certificate for ${subject}: ${cause.message}`, ...particulars);
  return new OrderError(kind, message, { cause, failures });
}

/** Problem types about an identifier: in an order with one host they are about that host. */
const aboutIdentifiers = new Set([
  'caa',
  'connection',
  'dns',
  'incorrectResponse',
  'rejectedIdentifier',
  'tls',
  'unsupportedIdentifier',
]);

/** The hosts of a problem: those of its subproblems, else those quoted in its detail. */
function blamedHosts(hosts: readonly string[], problem: Problem): readonly HostProblem[] {
  const bySubproblem = problem.subproblems.flatMap((part) => {
    const host = part.identifier?.value;
    const own: Problem = { ...part, status: problem.status, subproblems: [], instance: undefined };
    return host !== undefined && hosts.includes(host) ? [{ host, problem: own }] : [];
  });
  if (bySubproblem.length > 0) return bySubproblem;
  const quoted = new Set(
    Array.from(problem.detail.matchAll(/"([^"]+)"/g), (match) => match[1]?.toLowerCase()),
  );
  if (isPause(problem)) {
    const named = new Set(problem.detail.toLowerCase().split(/[\s,"]+/));
    return hosts.filter((host) => named.has(host)).map((host) => ({ host, problem }));
  }
  const blamed =
    hosts.length === 1 && aboutIdentifiers.has(problem.type)
      ? hosts
      : hosts.filter((host) => quoted.has(host));
  return blamed.map((host) => ({ host, problem }));
}
