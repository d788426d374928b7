import { AcmeProblem, isPause, type Problem, problemWords } from './problem.ts';

/**
 * - `refused`: the CA made no order, or does not go on with it.
 * - `profile-not-offered`: the profile asked for is not in the CA's directory.
 * - `identifiers-differ`: the order is for other names than those asked for.
 * - `not-ours`: somebody else finalized the order that the CA handed back.
 * - `challenge-not-offered`: the CA offers no challenge of the type by which a host is to be proven.
 * - `challenge-failed`: the CA could not prove a host.
 * - `authorization-lost`: an authorization was deactivated, revoked or has expired.
 * - `csr-refused`: the CA does not accept the signing request.
 * - `invalid`: the order failed after its hosts were proven.
 * - `out-of-time`: the order expired, or did not come to an end in our own time.
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
  | 'out-of-time';

/** What the CA says of one host. */
export interface HostProblem {
  readonly host: string;
  readonly problem: Problem;
}

/** An order that did not end in a certificate. The message names the hosts, what the CA said, and what to do. */
export class OrderError extends Error {
  override readonly name = 'OrderError';
  readonly code = 'OrderError';
  readonly kind: OrderErrorKind;
  /** The hosts that are to blame, if the CA says which; a retry without them may succeed. */
  readonly failures: readonly HostProblem[];
  /** What the CA said of the order as a whole or of the first host. */
  readonly problem: Problem | undefined;
  /** Milliseconds that the CA asks to wait before the next attempt. */
  readonly retryAfter: number | undefined;
  /** Whether it is nobody's failure: the CA was out of reach or busy. */
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
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const cause = options.cause instanceof AcmeProblem ? options.cause : undefined;
    this.kind = kind;
    this.failures = options.failures ?? [];
    this.problem = options.problem ?? this.failures[0]?.problem ?? cause;
    this.retryAfter = options.retryAfter ?? cause?.retryAfter;
    this.transient = cause?.transient ?? false;
  }

  /** The host to blame, if it is only one. */
  get host(): string | undefined {
    return this.failures.length === 1 ? this.failures[0]?.host : undefined;
  }

  /** Where a person lifts the pause of an identifier: for the eyes of the Ingress's owner only. */
  get unpauseUrl(): string | undefined {
    return this.cause instanceof AcmeProblem ? this.cause.unpauseUrl : undefined;
  }
}

/** The error of hosts that the CA could not prove. */
export function challengeFailed(ca: string, failures: readonly HostProblem[]): OrderError {
  const words = failures.map(
    ({ host, problem }) => `${ca} could not prove ${host} (${problem.type}): ${problemWords(problem)}`,
  );
  return new OrderError('challenge-failed', words.join(' '), { failures });
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

/** The error of a request about an order that the CA refused; it names the hosts that the CA names. */
export function requestRefused(
  kind: OrderErrorKind,
  hosts: readonly string[],
  cause: AcmeProblem,
): OrderError {
  const failures = blamedHosts(hosts, cause);
  const subject = failures.length > 0 ? failures.map(({ host }) => host).join(', ') : hosts.join(', ');
  const particulars = cause.subproblems
    .filter((part) => part.identifier !== undefined)
    .map((part) => `${part.identifier?.value} (${part.type}): ${problemWords(part)}`);
  return new OrderError(kind, [`No certificate for ${subject}: ${cause.message}`, ...particulars].join(' '), {
    cause,
    failures,
  });
}

/** Types that are about an identifier, so that in an order of one host there is no doubt whose it is. */
const aboutIdentifiers = new Set([
  'caa',
  'connection',
  'dns',
  'incorrectResponse',
  'rejectedIdentifier',
  'tls',
  'unsupportedIdentifier',
]);

/** Which hosts a problem is about: those of its subproblems, else those in quotes in its detail. */
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
