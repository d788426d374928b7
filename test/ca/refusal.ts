import type { Identifier } from './exchange.ts';

export interface ProblemDocument {
  /** Without `urn:ietf:params:acme:error:`. */
  readonly type: string;
  readonly detail: string;
  readonly status: number;
  readonly identifier?: Identifier | undefined;
}

/** The CA says no (RFC 8555 section 6.7). */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly problem: ProblemDocument;
  readonly headers: Readonly<Record<string, string>>;
  /** Fields of the document beyond those of every problem. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(
    problem: ProblemDocument,
    headers: Readonly<Record<string, string>> = {},
    extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${problem.type}: ${problem.detail}`);
    this.problem = problem;
    this.headers = headers;
    this.extra = extra;
  }
}

/** The document as it is sent. */
export function problemJson(problem: ProblemDocument): Record<string, unknown> {
  return { ...problem, type: `urn:ietf:params:acme:error:${problem.type}` };
}

export function malformed(detail: string, status = 400): Refusal {
  return new Refusal({ type: 'malformed', detail, status });
}

export function unauthorized(detail: string, status = 403): Refusal {
  return new Refusal({ type: 'unauthorized', detail, status });
}

export function notFound(what: string): Refusal {
  return malformed(`No ${what} found`, 404);
}
