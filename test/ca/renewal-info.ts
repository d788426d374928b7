import type { CaAccount } from './accounts.ts';
import type { Identifier } from './exchange.ts';
import { type CaOrder, statusOf } from './orders.ts';
import { malformed, notFound, type ProblemDocument, Refusal, unauthorized } from './refusal.ts';

const hour = 3_600_000;
const day = 24 * hour;
const syntax = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** A certificate that was issued. Times in milliseconds since the epoch. */
export interface CaCertificate {
  /** RFC 9773 section 4.1 */
  readonly id: string;
  readonly account: CaAccount;
  readonly identifiers: readonly Identifier[];
  readonly notBefore: number;
  readonly notAfter: number;
  revoked: boolean;
  /** RFC 5280 section 5.3.1 */
  revocationReason: number | undefined;
  replacement: CaOrder | undefined;
  window: RenewalWindow | undefined;
}

export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
  readonly explanationUrl?: string | undefined;
}

/** When certificates are to be renewed, and which are (RFC 9773). */
export class RenewalInfo {
  readonly #certificates = new Map<string, CaCertificate>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(parts: Pick<CaCertificate, 'id' | 'account' | 'identifiers' | 'notBefore' | 'notAfter'>): void {
    this.#certificates.set(parts.id, {
      ...parts,
      revoked: false,
      revocationReason: undefined,
      replacement: undefined,
      window: undefined,
    });
  }

  /** @throws Refusal if there is no such certificate */
  get(id: string): CaCertificate {
    if (!syntax.test(id)) throw malformed('Parsing ARI CertID failed');
    const certificate = this.#certificates.get(id);
    if (certificate === undefined) throw notFound('certificate');
    return certificate;
  }

  /** Whose serial number is in these bytes. @throws Refusal if there is no such certificate */
  within(der: Buffer): CaCertificate {
    for (const certificate of this.#certificates.values())
      if (der.includes(Buffer.from(certificate.id.split('.')[1] ?? '', 'base64url'))) return certificate;
    throw notFound('certificate');
  }

  /** The window that is shown now. Boulder's is around two thirds of the validity, of a short one around its middle, 2 % wide. */
  window(certificate: CaCertificate): RenewalWindow {
    const now = this.#now();
    if (certificate.revoked) return { start: now - hour, end: now - hour / 2 };
    if (certificate.window !== undefined) return certificate.window;
    const validity = certificate.notAfter - certificate.notBefore;
    const centre = certificate.notBefore + validity * (validity < 10 * day ? 1 / 2 : 2 / 3);
    return { start: centre - validity / 100, end: centre + validity / 100 };
  }

  /** Every certificate that there is, is to be replaced at once. @param explanationUrl where it says why */
  recall(explanationUrl: string): void {
    const now = this.#now();
    for (const certificate of this.#certificates.values())
      certificate.window = { start: now - hour, end: now - hour / 2, explanationUrl };
  }

  json(certificate: CaCertificate): object {
    const { start, end, explanationUrl } = this.window(certificate);
    const suggestedWindow = { start: new Date(start).toISOString(), end: new Date(end).toISOString() };
    return { suggestedWindow, ...(explanationUrl !== undefined && { explanationURL: explanationUrl }) };
  }

  /**
   * Whether the new order may say that it replaces this certificate.
   * @returns the certificate, and whether the order is free of all limits: only within the window
   * @throws Refusal
   */
  replaced(
    id: string,
    account: CaAccount,
    identifiers: readonly Identifier[],
  ): { readonly certificate: CaCertificate; readonly exempt: boolean } {
    const certificate = this.#replaceable(id);
    if (certificate.account !== account)
      throw replacesRefusal(unauthorized('requester account did not request the certificate being replaced'));
    const named = new Set(identifiers.map(({ value }) => value));
    if (!certificate.identifiers.some(({ value }) => named.has(value)))
      throw replacesRefusal(
        malformed('identifiers in this order do not match identifiers in the certificate being replaced'),
      );
    const now = this.#now();
    const { replacement } = certificate;
    if (replacement !== undefined && replacement.expires > now && statusOf(replacement, now) !== 'invalid')
      throw alreadyReplaced(id);
    if (replacement?.certificate !== undefined) throw alreadyReplaced(id);
    const { start, end } = this.window(certificate);
    return { certificate, exempt: start <= now && now < end };
  }

  #replaceable(id: string): CaCertificate {
    try {
      return this.get(id);
    } catch (error) {
      throw error instanceof Refusal ? replacesRefusal(error) : error;
    }
  }
}

function replacesRefusal({ problem }: Refusal): Refusal {
  const detail = `Could not validate ARI 'replaces' field :: ${problem.detail}`;
  return new Refusal({ ...problem, detail });
}

function alreadyReplaced(id: string): Refusal {
  const detail = `cannot indicate an order replaces certificate with serial ${JSON.stringify(id.split('.')[1])}, which already has a replacement order`;
  const problem: ProblemDocument = { type: 'alreadyReplaced', detail, status: 409 };
  return replacesRefusal(new Refusal(problem));
}
