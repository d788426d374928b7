import { AsyncLocalStorage } from 'node:async_hooks';
import * as acme from 'acme-client';
import { isRecord } from '../../process/json.ts';

/** What acme-client gets for an answer, in the shape of axios. */
export interface AdapterAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly data: unknown;
}

/** Answers one HTTP request of acme-client. */
export type Answerer = (method: string, url: string, body: string) => Promise<AdapterAnswer>;

const answerers = new AsyncLocalStorage<Answerer>();

/**
 * Makes acme-client send its requests through `answeredBy` in place of axios. Its axios instance belongs to the whole module, so this
 * is called once by the program; who answers depends on the call that the request was made in.
 */
export function installAdapter(): void {
  acme.axios.defaults.adapter = async (config) => {
    const answer = answerers.getStore();
    if (answer === undefined) throw new Error('acme-client was used outside of AcmeTransport.call');
    const body: unknown = config.data;
    const result = await answer(
      config.method ?? 'get',
      config.url ?? '',
      typeof body === 'string' ? body : '',
    );
    return { ...result, statusText: '', config, request: {} };
  };
  // Its retries would send a used nonce again and sleep through aborts. They are for failures that axios made; ours pass by.
  const settings: unknown = Reflect.get(acme.axios.defaults, 'acmeSettings');
  if (isRecord(settings)) settings['retryMaxAttempts'] = 0;
}

/** Runs code that uses acme-client; each of its requests, however deep, goes to `answer`. */
export function answeredBy<T>(answer: Answerer, run: () => Promise<T>): Promise<T> {
  return answerers.run(answer, run);
}
