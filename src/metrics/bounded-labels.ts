/** Problem types of RFC 8555 (section 6.7), RFC 9773 and the profiles draft, and our own. */
const problemTypes: ReadonlySet<string> = new Set([
  'accountDoesNotExist',
  'alreadyReplaced',
  'alreadyRevoked',
  'badCSR',
  'badNonce',
  'badPublicKey',
  'badRevocationReason',
  'badSignatureAlgorithm',
  'caa',
  'compound',
  'conflict',
  'connection',
  'dns',
  'externalAccountRequired',
  'incorrectResponse',
  'invalidContact',
  'invalidProfile',
  'malformed',
  'orderNotReady',
  'pending',
  'rateLimited',
  'rejectedIdentifier',
  'serverInternal',
  'tls',
  'unauthorized',
  'unsupportedContact',
  'unsupportedIdentifier',
  'userActionRequired',
  'aborted',
  'invalidResponse',
  'timeout',
  'unreachable',
]);

const mostSeries = 500;

/** Labels must not come from the CA: an unknown problem type is `other`. */
export function problemLabel(type: string | undefined): string {
  if (type === undefined) return 'none';
  return problemTypes.has(type) ? type : 'other';
}

export function statusLabel(status: number | undefined): string {
  if (status === undefined) return 'none';
  return Number.isInteger(status) && status >= 100 && status < 600 ? String(status) : 'other';
}

/** Bounds the combinations of labels: those beyond the limit become `other`. */
export class SeriesLimit {
  readonly #seen = new Set<string>();

  /** @returns the labels, or `other` for each */
  admit<Labels extends Readonly<Record<string, string>>>(labels: Labels): { [Name in keyof Labels]: string } {
    const values = Object.values(labels).join(' ');
    if (this.#seen.has(values) || this.#seen.size < mostSeries) {
      this.#seen.add(values);
      return labels;
    }
    const substitute: { [Name in keyof Labels]: string } = { ...labels };
    for (const name in substitute) substitute[name] = 'other';
    return substitute;
  }
}
