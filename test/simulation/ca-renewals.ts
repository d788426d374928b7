import type { CaAnswer } from '../../src/acme/transport/connection.ts';
import { certificateIdOf, type PlainCertificate } from './certificates.ts';
import { day, hour, minute, second } from './time-units.ts';
import type { VirtualTime } from './virtual-time.ts';

/** When each certificate is to be renewed, and which are replaced (RFC 9773), as Let's Encrypt has it. */
export class CaRenewals {
  /** Those from before this moment are to be replaced at once. */
  recalledBefore = 0;
  readonly #time: VirtualTime;
  readonly #period: number;
  readonly #certificates = new Map<string, PlainCertificate>();
  /** What is said of those that are not recalled. */
  readonly #texts = new WeakMap<PlainCertificate, string>();
  readonly #isReplaced = new Map<string, () => boolean>();

  /** @param period milliseconds for which an answer holds */
  constructor(time: VirtualTime, period: number) {
    this.#time = time;
    this.#period = period;
  }

  add(certificate: PlainCertificate): void {
    this.#certificates.set(certificateIdOf(certificate), certificate);
  }

  /** @returns undefined where there is no such certificate */
  answer(id: string): CaAnswer | undefined {
    const certificate = this.#certificates.get(id);
    if (certificate === undefined) return undefined;
    const headers = { 'retry-after': String(this.#period / second) };
    if (this.isRecalled(certificate)) {
      return { status: 200, headers, text: this.#text(certificate, 'https://ca.example/incident') };
    }
    // Asked for every day, the words stay the same.
    const text = this.#texts.get(certificate) ?? this.#text(certificate);
    this.#texts.set(certificate, text);
    return { status: 200, headers, text };
  }

  #text(certificate: PlainCertificate, explanationURL?: string): string {
    const { start, end } = this.#window(certificate);
    const suggestedWindow = { start: new Date(start).toISOString(), end: new Date(end).toISOString() };
    return JSON.stringify({ suggestedWindow, explanationURL });
  }

  isRecalled({ notBefore }: Pick<PlainCertificate, 'notBefore'>): boolean {
    return notBefore < this.recalledBefore;
  }

  /** Why no order for these hosts may replace this certificate; undefined if one may. */
  refusal(
    id: string,
    hosts: readonly string[],
  ): { readonly status: number; readonly type: string } | undefined {
    const certificate = this.#certificates.get(id);
    if (certificate === undefined) return { status: 404, type: 'malformed' };
    if (!certificate.hosts.some((host) => hosts.includes(host))) return { status: 400, type: 'malformed' };
    return this.#isReplaced.get(id)?.() === true ? { status: 409, type: 'alreadyReplaced' } : undefined;
  }

  /** Whether an order that replaces this certificate is free of all limits now. */
  isFree(id: string): boolean {
    const certificate = this.#certificates.get(id);
    if (certificate === undefined) return false;
    const { start, end } = this.#window(certificate);
    const { now } = this.#time;
    return start <= now && now < end;
  }

  /** @param isInForce whether the order that replaces it has not come to nothing */
  replace(id: string, isInForce: () => boolean): void {
    this.#isReplaced.set(id, isInForce);
  }

  /** Boulder, core/objects.go: around two thirds of the life, of a short one around its middle; in an incident just passed. */
  #window(certificate: PlainCertificate): { readonly start: number; readonly end: number } {
    const { now } = this.#time;
    if (this.isRecalled(certificate)) return { start: now - hour, end: now - 30 * minute };
    const { notBefore, notAfter } = certificate;
    const life = notAfter - notBefore;
    const centre = notBefore + life * (life < 10 * day ? 1 / 2 : 2 / 3);
    return { start: centre - life / 100, end: centre + life / 100 };
  }
}
