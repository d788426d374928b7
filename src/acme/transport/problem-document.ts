import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { arrayField, isRecord, recordField, stringField } from '../../process/json.ts';
import type { Identifier, Problem, Subproblem } from './problem.ts';

const namespace = 'urn:ietf:params:acme:error:';
/** Longer than any problem type that is registered. */
const longestType = 100;
/** Boulder's longest names some dozen identifiers, and the capability URL of a pause. */
const longestDetail = 8192;
/** A host name (RFC 1035, section 2.3.4), or what the CA says in its place. */
const longestIdentifier = 255;
const longestUrl = 2048;
/** As many as a CA accepts identifiers. */
const mostSubproblems = 100;
const mostLinks = 20;

/** Removes the ACME namespace from a problem type; keeps other namespaces. */
function shortType(type: string | undefined): string {
  if (type === undefined || type === 'about:blank') return 'unspecified';
  return oneLine(type.startsWith(namespace) ? type.slice(namespace.length) : type, longestType);
}

/** @returns undefined if it is not an identifier (RFC 8555 section 7.1.3); its parts on one line */
export function readIdentifier(value: unknown): Identifier | undefined {
  const type = stringField(value, 'type');
  const name = stringField(value, 'value');
  if (type === undefined || name === undefined) return undefined;
  return { type: oneLine(type, longestType), value: oneLine(name, longestIdentifier) };
}

function readSubproblem(value: unknown): Subproblem {
  return {
    type: shortType(stringField(value, 'type')),
    detail: oneLine(stringField(value, 'detail') ?? '', longestDetail),
    identifier: readIdentifier(recordField(value, 'identifier')),
  };
}

/**
 * Reads a problem document (RFC 7807, RFC 8555 section 6.7): a response body, or the `error` of an order or a challenge. All of it is
 * bounded, and each text is on one line.
 * @returns undefined if the value has neither a type nor a detail
 */
export function readProblem(value: unknown, status?: number): Problem | undefined {
  if (!isRecord(value)) return undefined;
  const type = stringField(value, 'type');
  const detail = stringField(value, 'detail') ?? stringField(value, 'title');
  if (type === undefined && detail === undefined) return undefined;
  const instance = stringField(value, 'instance');
  return {
    type: shortType(type),
    detail: oneLine(detail ?? 'no detail given', longestDetail),
    status: status ?? (typeof value['status'] === 'number' ? value['status'] : undefined),
    subproblems: arrayField(value, 'subproblems').slice(0, mostSubproblems).map(readSubproblem),
    instance: instance === undefined ? undefined : oneLine(instance, longestUrl),
  };
}

/**
 * The targets of a `Link` header that have this relation (RFC 8288), the first twenty; several headers are joined by commas.
 * @param relation lower case
 * @param base URL of the request: targets may be relative
 */
export function readLinks(header: string | undefined, relation: string, base: string): string[] {
  const links: string[] = [];
  for (const part of (header ?? '').split('<').slice(1)) {
    const end = part.indexOf('>');
    const target = part.slice(0, end);
    if (end < 0 || target.length > longestUrl || links.length === mostLinks) continue;
    const [, relations = ''] = /;\s*rel\s*=\s*"?([^";,]+)/i.exec(part.slice(end)) ?? [];
    if (relations.toLowerCase().split(' ').includes(relation))
      links.push(oneLine(absoluteUrl(target, base), longestUrl));
  }
  return links;
}

/** A URL as it is, or a relative one made absolute; what is no URL stays. */
export function absoluteUrl(reference: string, base: string): string {
  return URL.canParse(reference) ? reference : (URL.parse(reference, base)?.href ?? reference);
}
