import { readFile } from 'node:fs/promises';

/** Pebble's requests in order: `METHOD /path` as in its log, the path cut at the id. */
export class CaRequests {
  readonly #log: string;
  #seen = 0;

  /** @param log path of pebble's log */
  constructor(log: string) {
    this.#log = log;
  }

  /** The requests since the last call, without those to its management port. */
  async take(): Promise<string[]> {
    const text = await readFile(this.#log, 'utf8');
    const all = [...text.matchAll(/ (GET|HEAD|POST) (\/\S+) -> calling handler\(\)$/gm)].map(
      ([, method = '', path = '']) => `${method} ${path}`,
    );
    const asked = all.slice(this.#seen);
    this.#seen = all.length;
    return asked.filter((request) => !management.test(request));
  }
}

const management =
  /\/(?:roots|root-keys|intermediates|intermediate-keys|cert-status-by-serial|set-renewal-info)\//;

/** Whether it is a new-nonce request. */
export function isNewNonce(request: string): boolean {
  return request.endsWith('/nonce-plz');
}
