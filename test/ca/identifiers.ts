import { isIP } from 'node:net';
import { isRecord } from '../../src/process/json.ts';
import type { Identifier } from './exchange.ts';
import type { CaProfile } from './profiles.ts';
import { malformed, type ProblemDocument, problemJson, Refusal } from './refusal.ts';

const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/**
 * The identifiers of a new order, sorted, each once.
 * @throws Refusal malformed, unsupportedIdentifier or rejectedIdentifier; of several with a subproblem for each
 */
export function readIdentifiers(
  value: unknown,
  profile: { readonly name: string } & CaProfile,
): Identifier[] {
  if (!Array.isArray(value) || value.length === 0)
    throw malformed('NewOrder request did not specify any identifiers');
  const byKey = new Map<string, Identifier>();
  for (const entry of value) {
    const identifier = readIdentifier(entry);
    byKey.set(`${identifier.type} ${identifier.value}`, identifier);
  }
  const identifiers = inOrder([...byKey.values()]);
  if (identifiers.length > profile.maxNames)
    throw malformed(`Order cannot contain more than ${profile.maxNames} identifiers`);
  const problems = identifiers.flatMap((identifier) => {
    const detail = objection(identifier, profile);
    return detail === undefined ? [] : [{ type: 'rejectedIdentifier', detail, status: 400, identifier }];
  });
  if (problems.length > 0) throw rejected(problems);
  return identifiers;
}

/** Normalized. */
export function inOrder(identifiers: readonly Identifier[]): Identifier[] {
  return identifiers.toSorted((one, other) => (one.value < other.value ? -1 : 1));
}

/** A key for a sorted set of identifiers. */
export function setName(identifiers: readonly Identifier[]): string {
  return identifiers.map(({ value }) => value).join(',');
}

function readIdentifier(entry: unknown): Identifier {
  const { type, value } = isRecord(entry) ? entry : {};
  if (typeof value !== 'string') throw malformed('an identifier has no value');
  if (type === 'dns' || type === 'ip') return { type, value: value.toLowerCase() };
  const detail = `NewOrder request included unsupported identifier: type ${JSON.stringify(type)}`;
  throw new Refusal({ type: 'unsupportedIdentifier', detail, status: 400 });
}

function objection(
  { type, value }: Identifier,
  profile: { readonly name: string } & CaProfile,
): string | undefined {
  const issue = (why: string): string => `Cannot issue for ${JSON.stringify(value)}: ${why}`;
  if (type === 'ip') {
    if (!profile.addresses)
      return `Profile ${JSON.stringify(profile.name)} does not permit ip type identifiers`;
    return isIP(value) === 0 ? issue('IP address is invalid') : undefined;
  }
  const labels = value.replace(/^\*\./, '').split('.');
  if (isIP(value) !== 0) return issue('The ACME server can not issue a certificate for an IP address');
  if (labels.length < 2) return issue('Domain name needs at least one dot');
  if (value.length > 253) return issue('Domain name is longer than 253 bytes');
  if (!labels.every((part) => label.test(part))) return issue('Domain name contains an invalid character');
  return /^\d+$/.test(labels.at(-1) ?? '') ? issue('Domain name ends in a number') : undefined;
}

function rejected(problems: readonly ProblemDocument[]): Refusal {
  const [first, ...others] = problems;
  if (first === undefined || others.length === 0) {
    const { type = '', detail = '', status = 400 } = first ?? {};
    return new Refusal({ type, detail, status });
  }
  const detail = `${first.detail} (and ${others.length} more problems. Refer to sub-problems for more information.)`;
  const document = { type: first.type, detail, status: first.status };
  return new Refusal(document, {}, { subproblems: problems.map(problemJson) });
}
