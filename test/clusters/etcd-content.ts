import assert from 'node:assert/strict';
import { arrayField, stringField } from '../../src/process/json.ts';

interface Entry {
  /** base64 */
  readonly value: string;
  /** revision of the last change */
  readonly revision: string;
}

/** Most operations of a transaction. */
const atOnce = 100;

/** What the API server writes for itself, at any time. */
const itsOwn = new RegExp(
  '^/registry/(?:leases/kube-system/|peerserverleases/|masterleases/|ipaddresses/10\\.0\\.0\\.1$|services/specs/default/kubernetes$)',
);

/** What is in an etcd at some moment, by the gateway of its API (https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/). */
export class EtcdContent {
  readonly #url: string;
  /** by key, base64 */
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(url: string, entries: ReadonlyMap<string, Entry>) {
    this.#url = url;
    this.#entries = entries;
  }

  /** @param url http://HOST:PORT */
  static async read(url: string): Promise<EtcdContent> {
    return new EtcdContent(url, await entriesOf(url));
  }

  /** Takes back what has changed since. The API server hears of it as of any change by another API server. */
  async restore(): Promise<void> {
    const current = await entriesOf(this.#url);
    const operations: unknown[] = [];
    for (const key of current.keys()) {
      if (!this.#entries.has(key)) operations.push({ requestDeleteRange: { key } });
    }
    for (const [key, { value, revision }] of this.#entries) {
      if (current.get(key)?.revision !== revision) operations.push({ requestPut: { key, value } });
    }
    for (let from = 0; from < operations.length; from += atOnce) {
      await call(this.#url, 'txn', { success: operations.slice(from, from + atOnce) });
    }
  }
}

async function entriesOf(url: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const answer = await call(url, 'range', { key: encode('/registry/'), range_end: encode('/registry0') });
  for (const found of arrayField(answer, 'kvs')) {
    const key = stringField(found, 'key') ?? '';
    const revision = stringField(found, 'mod_revision') ?? '';
    const value = stringField(found, 'value') ?? '';
    if (!itsOwn.test(Buffer.from(key, 'base64').toString())) entries.set(key, { value, revision });
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
