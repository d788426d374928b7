/** Beyond this number the set is cleared. */
const mostCertificates = 10_000;

/**
 * Which certificates a new order may say that it replaces (RFC 9773 section 5). A CA may fail over `replaces` each time, with an error of
 * its own that says nothing of the cause: pebble answers 500 for serial numbers with a leading zero byte. After such an error one order
 * goes without, so that no certificate expires for it; the next one says it again.
 */
export class Replacements {
  readonly #failed = new Set<string>();

  /** Whether the next order may say that it replaces this certificate (id: RFC 9773 section 4.1). */
  maySay(id: string): boolean {
    return !this.#failed.has(id);
  }

  /** The CA has failed over a new order that was to replace this certificate. */
  failed(id: string): void {
    if (this.#failed.size >= mostCertificates) this.#failed.clear();
    this.#failed.add(id);
  }

  /** A new order for the successor of this certificate is sent: not one that has waited at a gate in vain. */
  sent(id: string): void {
    this.#failed.delete(id);
  }
}
