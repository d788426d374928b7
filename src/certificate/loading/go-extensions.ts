import { DerError, DerReader, derTag } from '../der.ts';
import { isIa5 } from './go-name.ts';

/** By object identifier in hexadecimal. Extensions that Go does not know are accepted here, also critical ones. */
const checks: Readonly<Record<string, (value: DerReader) => void>> = {
  '551d0e': (value) => value.read(derTag.octetString),
  '551d0f': (value) => value.bitString(),
  '551d11': checkAlternativeNames,
  '551d13': checkBasicConstraints,
  '551d1e': checkNameConstraints,
  '551d1f': checkDistributionPoints,
  '551d20': checkPolicies,
  '551d21': checkPolicyMappings,
  '551d23': checkAuthorityKeyIdentifier,
  '551d24': checkPolicyConstraints,
  '551d25': checkExtendedKeyUsage,
  '551d36': (value) => value.integer(),
  '2b06010505070101': checkAuthorityInfoAccess,
};

/** Subject and authority key identifier, authority information access (RFC 5280). */
const neverCritical: ReadonlySet<string> = new Set(['551d0e', '551d23', '2b06010505070101']);

/** Checks the extensions of a certificate as Go reads them. */
export function checkExtensions(extensions: DerReader): void {
  const found = new Map<string, DerReader>();
  while (!extensions.isEmpty) {
    const extension = extensions.sequence();
    const identifier = extension.objectIdentifier();
    const isCritical = extension.isNext(derTag.boolean) && extension.boolean();
    const value = extension.read(derTag.octetString);
    if (found.has(identifier)) throw new DerError('an extension that is there twice');
    if (isCritical && neverCritical.has(identifier)) {
      throw new DerError('an extension marked critical that must not be');
    }
    found.set(identifier, new DerReader(value, names[identifier] ?? 'extension'));
  }
  for (const [identifier, value] of found) checks[identifier]?.(value);
}

const names: Readonly<Record<string, string>> = {
  '551d0f': 'key usage',
  '551d11': 'subjectAltName',
  '551d13': 'basic constraints',
  '551d1e': 'name constraints',
  '551d20': 'certificate policies',
  '551d23': 'authority key identifier',
  '551d25': 'extended key usage',
};

/** The tags of GeneralName (RFC 5280 section 4.2.1.6). */
const generalName = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;

function checkAlternativeNames(value: DerReader): void {
  const entries = value.sequence();
  while (!entries.isEmpty) {
    const { tag, content } = entries.any();
    const isText = tag === generalName.email || tag === generalName.dns || tag === generalName.uri;
    if (isText && !isIa5(content)) throw value.error();
    if (tag === generalName.uri && !isUri(content.toString('latin1'))) throw value.error();
    if (tag === generalName.ip && content.length !== 4 && content.length !== 16) throw value.error();
  }
}

const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** Roughly what Go's net/url parses, with a host that is a domain name; CAs put only such ones into certificates. */
function isUri(text: string): boolean {
  if (/[^\x20-\x7e]/.test(text) || /%(?![0-9A-Fa-f]{2})/.test(text)) return false;
  const rest = text.replace(scheme, '');
  if (!rest.startsWith('//')) return rest !== text || !/^[^/?#]*:/.test(text);
  const [authority = ''] = rest.slice(2).split(/[/?#]/);
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return /^(?:[^[\]: <>"\\^`{|}]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/.test(host) && isDomain(host);
}

/** In a URI, or in a name constraint, which may begin with a dot. */
function isDomain(text: string): boolean {
  return text === '' || text.split('.').every((label) => /^[\x21-\x7e]+$/.test(label));
}

function checkBasicConstraints(value: DerReader): void {
  const constraints = value.sequence();
  if (constraints.isNext(derTag.boolean)) constraints.boolean();
  if (constraints.isNext(derTag.integer)) constraints.natural();
}

function checkNameConstraints(value: DerReader): void {
  const constraints = value.sequence();
  const permitted = constraints.optional(0xa0);
  const excluded = constraints.optional(0xa1);
  if (!value.isEmpty || !constraints.isEmpty) throw value.error();
  const subtrees = [permitted, excluded].filter((subtree) => subtree !== undefined && subtree.length > 0);
  if (subtrees.length === 0) throw value.error();
  for (const subtree of subtrees) {
    const reader = new DerReader(subtree ?? Buffer.alloc(0), value.what);
    while (!reader.isEmpty) checkConstraint(reader.sequence());
  }
}

function checkConstraint(subtree: DerReader): void {
  const { tag, content } = subtree.any();
  const text = content.toString('latin1');
  if (tag === generalName.ip) {
    if (content.length !== 8 && content.length !== 32) throw subtree.error();
    const mask = content.subarray(content.length / 2);
    const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, '0')).join('');
    if (bits.includes('01')) throw subtree.error();
  } else if (tag === generalName.dns || tag === generalName.uri || tag === generalName.email) {
    const isMailbox = tag === generalName.email && text.includes('@');
    if (!isIa5(content) || !(isMailbox || isDomain(text.replace(/^\./, '')))) throw subtree.error();
  }
}

function checkDistributionPoints(value: DerReader): void {
  const points = value.sequence();
  while (!points.isEmpty) {
    const name = points.sequence().optional(0xa0);
    if (name === undefined) continue;
    const uris = new DerReader(name, value.what).inside(0xa0);
    while (uris.isNext(generalName.uri)) uris.any();
  }
}

function checkPolicies(value: DerReader): void {
  const policies = value.sequence();
  const seen = new Set<string>();
  while (!policies.isEmpty) {
    const identifier = policies.sequence().objectIdentifier(Number.POSITIVE_INFINITY);
    if (seen.has(identifier)) throw value.error();
    seen.add(identifier);
  }
}

function checkPolicyMappings(value: DerReader): void {
  const mappings = value.sequence();
  while (!mappings.isEmpty) {
    const mapping = mappings.sequence();
    mapping.read(derTag.objectIdentifier);
    mapping.read(derTag.objectIdentifier);
  }
}

function checkAuthorityKeyIdentifier(value: DerReader): void {
  const identifier = value.sequence();
  identifier.optional(0x80);
}

function checkPolicyConstraints(value: DerReader): void {
  const constraints = value.sequence();
  for (const tag of [0x80, 0x81]) if (constraints.isNext(tag)) constraints.integer(tag);
}

function checkExtendedKeyUsage(value: DerReader): void {
  const usages = value.sequence();
  while (!usages.isEmpty) usages.objectIdentifier();
}

function checkAuthorityInfoAccess(value: DerReader): void {
  const descriptions = value.sequence();
  while (!descriptions.isEmpty) {
    const description = descriptions.sequence();
    description.objectIdentifier();
    if (description.isNext(generalName.uri)) description.any();
  }
}
