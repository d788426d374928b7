import { X509Certificate } from 'node:crypto';

/** One block of a PEM text (RFC 7468, section 2), with its markers. */
interface PemBlock {
  readonly label: string;
  readonly text: string;
}

/** The blocks in order. Text outside them is ignored, as is a block without its end. */
export function* pemBlocks(text: string): Generator<PemBlock> {
  const begin = /-----BEGIN ([A-Z0-9 ]{1,64})-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const [, label = ''] = match;
    const marker = `-----END ${label}-----`;
    const end = text.indexOf(marker, begin.lastIndex);
    if (end < 0) return;
    begin.lastIndex = end + marker.length;
    yield { label, text: text.slice(match.index, begin.lastIndex) };
  }
}

/** Octets of a `tls.crt`: a hundred certificates, or one for two thousand names. One of a megabyte would take a tenth of a second to read. */
export const longestChain = 256 * 1024;
/** Characters: a certificate for a thousand names. */
const longestCertificate = 128 * 1024;
/** The last ones, in a ring: a Map that changes so often leaves old tables behind, which keep alive what they hold. */
const parsed: { readonly text: string; readonly certificate: X509Certificate }[] = [];
const mostParsed = 16;
let place = 0;

/**
 * The certificate in a PEM block; undefined when it cannot be parsed, or is much larger than any CA makes them. The last ones are kept:
 * all certificates of a CA have the same few issuers, and a new one is looked at by several checks in a row.
 */
export function parseCertificate({ text }: PemBlock): X509Certificate | undefined {
  if (text.length > longestCertificate) return undefined;
  const known = parsed.find((one) => one.text === text);
  if (known !== undefined) return known.certificate;
  const certificate = certificateOf(text);
  if (certificate === undefined) return undefined;
  // A copy: a part would keep the whole text.
  parsed[place] = { text: Buffer.from(text).toString(), certificate };
  place = (place + 1) % mostParsed;
  return certificate;
}

/** The certificate in PEM (the first one) or DER; undefined when it cannot be parsed. */
export function certificateOf(encoded: Buffer | string): X509Certificate | undefined {
  try {
    return new X509Certificate(encoded);
  } catch {
    return undefined;
  }
}

/** The issuer's distinguished name, an attribute on each line. */
export function issuerOf({ issuer }: X509Certificate): string {
  return textOf(issuer);
}

/** Likewise the subject's. */
export function subjectOf({ subject }: X509Certificate): string {
  return textOf(subject);
}

/** Node has undefined for a name without attributes, unlike its types. */
function textOf(name: string | undefined): string {
  return name ?? '';
}

/**
 * The DNS names of a certificate's subjectAltName, lower case. The common name is ignored (RFC 9525, section 6.2).
 */
export function dnsNamesOf(certificate: X509Certificate): string[] {
  const names: string[] = [];
  // Node separates the entries by ", " and quotes values with special characters as JSON strings.
  for (const [, type, value = ''] of (certificate.subjectAltName ?? '').matchAll(altName)) {
    if (type === 'DNS') names.push(unquote(value).toLowerCase());
  }
  return names;
}

const altName = /(?<=^|, )([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?=, |$)/g;

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  const parsed: unknown = JSON.parse(value);
  return typeof parsed === 'string' ? parsed : value;
}
