import { type ChallengeValue, type DnsProvider, ProviderError } from './provider.ts';
import type { WebCaller } from './web-call.ts';

export interface AcmeDnsOptions {
  readonly web: Pick<WebCaller, 'post'>;
  readonly url: string;
  /** As acme-dns's registration has told them. */
  readonly account: {
    readonly username: string;
    readonly password: string;
    readonly subdomain: string;
    readonly fulldomain: string;
  };
}

/**
 * acme-dns (github.com/joohoi/acme-dns): a DNS server for challenges only, to which CNAMEs at _acme-challenge lead. It keeps the two
 * newest values of an account, and removes none.
 */
export class AcmeDnsProvider implements DnsProvider {
  readonly room = 2;
  readonly #options: AcmeDnsOptions;

  constructor(options: AcmeDnsOptions) {
    this.#options = options;
  }

  check({ name }: ChallengeValue['record']): Promise<void> {
    const { fulldomain } = this.#options.account;
    if (name === fulldomain) return Promise.resolve();
    return Promise.reject(
      new ProviderError(
        'misplaced',
        `The record ${name} is not the one that this acme-dns account can write, ${fulldomain}.`,
        `Set a CNAME at the host's _acme-challenge name that leads to ${fulldomain}.`,
      ),
    );
  }

  async add({ value }: ChallengeValue, signal: AbortSignal): Promise<void> {
    const { web, url, account } = this.#options;
    const { username, password, subdomain } = account;
    await web.post(
      {
        url: `${url.replace(/\/$/, '')}/update`,
        headers: { 'x-api-user': username, 'x-api-key': password },
        body: { subdomain, txt: value },
      },
      signal,
    );
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }
}
