import { arrayField, isRecord, recordField, stringField } from '../../process/json.ts';
import type { Identifier, Problem, Subproblem } from './problem.ts';

const namespace = 'urn:ietf:params:acme:error:';

/** Removes the ACME namespace from a problem type; keeps other namespaces. */
function shortType(type: string | undefined): string {
  if (type === undefined || type === 'about:blank') return 'unspecified';
  return type.startsWith(namespace) ? type.slice(namespace.length) : type;
}

/** @returns undefined if it is not an identifier (RFC 8555 section 7.1.3) */
export function readIdentifier(value: unknown): Identifier | undefined {
  const type = stringField(value, 'type');
  const name = stringField(value, 'value');
  return type === undefined || name === undefined ? undefined : { type, value: name };
}

function readSubproblem(value: unknown): Subproblem {
  return {
    type: shortType(stringField(value, 'type')),
    detail: stringField(value, 'detail') ?? '',
    identifier: readIdentifier(recordField(value, 'identifier')),
  };
}

/**
 * Reads a problem document (RFC 7807, RFC 8555 section 6.7): a response body, or the `error` of an order or a challenge.
 * @returns undefined if the value has neither a type nor a detail
 */
export function readProblem(value: unknown, status?: number): Problem | undefined {
  if (!isRecord(value)) return undefined;
  const type = stringField(value, 'type');
  const detail = stringField(value, 'detail') ?? stringField(value, 'title');
  if (type === undefined && detail === undefined) return undefined;
  return {
    type: shortType(type),
    detail: detail ?? 'no detail given',
    status: status ?? (typeof value['status'] === 'number' ? value['status'] : undefined),
    subproblems: arrayField(value, 'subproblems').map(readSubproblem),
    instance: stringField(value, 'instance'),
  };
}

/** The targets of a `Link` header by relation (RFC 8288); several headers are joined by commas. */
export function readLinks(header: string | undefined): Readonly<Record<string, readonly string[]>> {
  const links: Record<string, string[]> = {};
  for (const match of (header ?? '').matchAll(/<([^>]*)>([^<]*)/g)) {
    const relation = /;\s*rel\s*=\s*"?([^";,]+)"?/i
      .exec(match[2] ?? '')?.[1]
      ?.trim()
      .toLowerCase();
    if (relation !== undefined && match[1] !== undefined) (links[relation] ??= []).push(match[1]);
  }
  return links;
}
