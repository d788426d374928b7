// How the operator's DNS is written to: one file for each provider, all of one interface and behaviour (docs/dns-01-providers.md). Called
// by the solver only.

import type { ChallengeRecord } from '../lookup/name-servers.ts';

/** One value that proves one host. Several hosts may have values under one record name: an apex and its wildcard. */
export interface ChallengeValue {
  /** Without `*.`. */
  readonly host: string;
  readonly record: Pick<ChallengeRecord, 'name' | 'zone' | 'primary'>;
  /** Of the TXT record: base64url, 43 characters (RFC 8555 section 8.4). */
  readonly value: string;
  /** The token with the thumbprint, for providers that work the value out themselves. */
  readonly keyAuthorization: string;
}

export interface DnsProvider {
  /** Values that a record holds; then only one order at a time has its values there. Absent: no limit. */
  readonly room?: number;
  /**
   * Whether the record can be written, as far as that can be seen without a change; absent if it cannot be seen.
   * @throws ProviderError or the signal's reason
   */
  check?(record: ChallengeValue['record'], signal: AbortSignal): Promise<void>;
  /**
   * Adds the value beside others of the record. Repeating it changes nothing. It need not be visible yet.
   * @throws ProviderError or the signal's reason
   */
  add(value: ChallengeValue, signal: AbortSignal): Promise<void>;
  /**
   * Removes the value, and no other. Removing what is not there is no error.
   * @throws ProviderError or the signal's reason
   */
  remove(value: ChallengeValue, signal: AbortSignal): Promise<void>;
}

/** The DNS refuses a change, or cannot be reached. Message and remedy are sentences without secrets. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  /** `refused`: for good, it does not help to repeat it. `misplaced`: the record is not where the provider can write. */
  readonly code: 'refused' | 'misplaced' | 'unreachable';
  readonly remedy: string | undefined;

  constructor(code: ProviderError['code'], message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}
