import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { arrayField, stringField } from '../../src/json.ts';
import { eventually } from '../kubernetes/eventually.ts';
import type { Interference } from './faulty-proxy.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const environment = { LEGO_SELF_CHECK_TIMEOUT: '5s' };
/** Milliseconds; long enough for a restart in its middle. */
const blockTime = 25_000;

let stage: Stage;
/** When the CA was asked for an order of a name of example.org. */
const asked: number[] = [];
let blockedUntil: number | undefined;

/** Refuses all orders under example.org as Boulder does, from the first one on, for a while. */
const refuse: Interference = ({ path, body }) => {
  if (path !== '/order-plz' || !isAbout(body, 'example.org')) return undefined;
  asked.push(Date.now());
  blockedUntil ??= Date.now() + blockTime;
  if (Date.now() >= blockedUntil) return undefined;
  const wait = String(Math.ceil((blockedUntil - Date.now()) / 1000));
  const detail =
    'too many certificates (50) already issued for "example.org" in the last 168h0m0s, ' +
    'see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain';
  const problem = { type: 'urn:ietf:params:acme:error:rateLimited', detail, status: 429 };
  return Promise.resolve({
    status: 429,
    headers: { 'content-type': 'application/problem+json', 'retry-after': wait },
    body: JSON.stringify(problem),
  });
};

function isAbout(body: string, domain: string): boolean {
  const payload = stringField(JSON.parse(body), 'payload') ?? '';
  const order: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const names = arrayField(order, 'identifiers').map((identifier) => stringField(identifier, 'value') ?? '');
  return names.some((name) => name.endsWith(domain));
}

/** Where the ledger is kept. */
async function documents(): Promise<readonly unknown[]> {
  const path = '/api/v1/namespaces/kube-lego/configmaps?labelSelector=kube-lego.io/ledger';
  return arrayField(await stage.object(path), 'items');
}

describe('a registered domain whose limit the CA says is reached', { timeout: 240_000 }, () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    stage.ca.interfere = refuse;
    await stage.startController(environment);
  });
  after(() => stage.stop());

  it('costs one refusal: others of the domain wait in queued, other domains do not wait', async () => {
    await stage.apply(ingress('shop/refused', { tls: { 'refused-tls': ['refused.example.org'] } }));
    await stage.untilWarned('shop/refused', 'RateLimited');
    await stage.apply(
      ingress('shop/waiting', { tls: { 'waiting-tls': ['waiting.example.org'] } }),
      ingress('shop/other', { tls: { 'other-tls': ['other.example.com'] } }),
    );
    const message = await stage.untilWarned('shop/waiting', 'RateLimited');
    assert.match(message, /limit of certificates of a registered domain \(registered domain example\.org\)/);
    assert.equal((await stage.view('shop/waiting'))?.state, 'queued');
    await stage.untilIssued('shop/other');
    assert.equal(asked.length, 1);
  });

  it('is asked for again after the time that the CA named, and not before, over a crash in its middle', async () => {
    await eventually('the block is written down', async () => (await documents()).length > 0, 20_000);
    await stage.controller.kill();
    await stage.startController(environment);
    await stage.untilIssued('shop/refused', 'shop/waiting');
    const [first, ...later] = asked;
    assert.ok(first !== undefined && blockedUntil !== undefined && later.length === 2);
    // The header counts whole seconds.
    assert.ok(
      Math.min(...later) >= blockedUntil - 1000,
      `${Math.min(...later) - first} ms after the refusal`,
    );
  });
});
