import { readFile } from 'node:fs/promises';

/** What pebble was asked, in order: `METHOD /path` as its log has it, the path cut at the id. */
export class CaRequests {
  readonly #log: string;
  #seen = 0;

  /** @param log path of pebble's log */
  constructor(log: string) {
    this.#log = log;
  }

  /** The requests since the last call. Those of its management port are not among them. */
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

/** Whether a request asks for nothing but a nonce. */
export function isNewNonce(request: string): boolean {
  return request.endsWith('/nonce-plz');
}
