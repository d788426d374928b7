import type { ChallengeValue, DnsProvider } from './provider.ts';
import type { WebCaller } from './web-call.ts';

export interface HttpreqOptions {
  readonly web: Pick<WebCaller, 'post'>;
  /** `/present` and `/cleanup` are appended. */
  readonly url: string;
  /** `raw`: the service works record and value out itself. */
  readonly mode: 'default' | 'raw';
  readonly login: { readonly username: string; readonly password: string } | undefined;
}

/** The protocol of lego's provider httpreq (go-acme.github.io/lego/dns/httpreq): a script of one's own behind HTTP. */
export class HttpreqProvider implements DnsProvider {
  readonly #options: HttpreqOptions;

  constructor(options: HttpreqOptions) {
    this.#options = options;
  }

  add(value: ChallengeValue, signal: AbortSignal): Promise<void> {
    return this.#call('present', value, signal);
  }

  remove(value: ChallengeValue, signal: AbortSignal): Promise<void> {
    return this.#call('cleanup', value, signal);
  }

  async #call(
    action: 'present' | 'cleanup',
    { host, record, value, keyAuthorization }: ChallengeValue,
    signal: AbortSignal,
  ): Promise<void> {
    const { web, url, mode, login } = this.#options;
    const [token = ''] = keyAuthorization.split('.');
    const body =
      mode === 'raw'
        ? { domain: host, token, keyAuth: keyAuthorization }
        : { fqdn: `${record.name}.`, value };
    const credentials =
      login === undefined ? '' : Buffer.from(`${login.username}:${login.password}`).toString('base64');
    const headers = login === undefined ? {} : { authorization: `Basic ${credentials}` };
    await web.post({ url: `${url.replace(/\/$/, '')}/${action}`, headers, body }, signal);
  }
}
