import assert from 'node:assert/strict';
import { arrayField, stringField } from '../../src/process/json.ts';

/** Most operations of a transaction. */
const atOnce = 100;

/** What the API server writes for itself, at any time; and definitions of kinds, for which it keeps more than their objects. */
const itsOwn = new RegExp(
  '^/registry/(?:leases/kube-system/|peerserverleases/|masterleases/|ipaddresses/10\\.0\\.0\\.1$|services/specs/default/kubernetes$|' +
    'apiextensions[.]k8s[.]io/|apiregistration[.]k8s[.]io/)',
);

/** What is in an etcd at some moment, by the gateway of its API (https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/). */
export class EtcdContent {
  readonly #url: string;
  /** values by key, base64 */
  readonly #entries: ReadonlyMap<string, string>;

  private constructor(url: string, entries: ReadonlyMap<string, string>) {
    this.#url = url;
    this.#entries = entries;
  }

  /** @param url http://HOST:PORT */
  static async read(url: string): Promise<EtcdContent> {
    return new EtcdContent(url, await entriesOf(url));
  }

  /**
   * Takes back what has changed since, but for kinds. The API server hears of it as of any change by another API server.
   * @returns the keys of what had changed
   */
  async restore(): Promise<string[]> {
    const current = await entriesOf(this.#url);
    const added = [...current.keys()].filter((key) => !this.#entries.has(key));
    const changed = [...this.#entries].filter(([key, value]) => current.get(key) !== value);
    const operations = [
      ...added.map((key) => ({ requestDeleteRange: { key } })),
      ...changed.map(([key, value]) => ({ requestPut: { key, value } })),
    ];
    for (let from = 0; from < operations.length; from += atOnce) {
      await call(this.#url, 'txn', { success: operations.slice(from, from + atOnce) });
    }
    return [...added, ...changed.map(([key]) => key)].map(decode);
  }
}

async function entriesOf(url: string): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  const answer = await call(url, 'range', { key: encode('/registry/'), range_end: encode('/registry0') });
  for (const found of arrayField(answer, 'kvs')) {
    const key = stringField(found, 'key') ?? '';
    if (!itsOwn.test(decode(key))) entries.set(key, stringField(found, 'value') ?? '');
  }
  return entries;
}

async function call(url: string, method: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${url}/v3/kv/${method}`, { method: 'POST', body: JSON.stringify(body) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text);
}

function encode(key: string): string {
  return Buffer.from(key).toString('base64');
}

function decode(key: string): string {
  return Buffer.from(key, 'base64').toString();
}
