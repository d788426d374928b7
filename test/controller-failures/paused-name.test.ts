import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { arrayField, stringField } from '../../src/json.ts';
import { eventually } from '../kubernetes/eventually.ts';
import type { Interference } from './faulty-proxy.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const environment = { LEGO_SELF_CHECK_TIMEOUT: '5s', LEGO_LOG_LEVEL: 'trace' };
const secret = `eyJhbGciOiJIUzI1NiJ9.${'c'.repeat(1500)}.c2lnbmF0dXJl`;
const link = `https://127.0.0.1/sfe/v1/unpause?jwt=${secret}`;
const host = 'paused.example.com';
const web = { tls: { 'web-tls': ['good.example.com', host] } };

let stage: Stage;
let paused = true;
/** How often the CA was asked for the paused name. */
let asked = 0;

/** Refuses the name as Boulder does, without a Retry-After. */
const refuse: Interference = ({ path, body }) => {
  if (path !== '/order-plz' || !isFor(body, host)) return undefined;
  asked += 1;
  if (!paused) return undefined;
  const detail = `Your account is temporarily prevented from requesting certificates for ${host} and possibly others. Please visit: ${link}`;
  return Promise.resolve({
    status: 429,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify({ type: 'urn:ietf:params:acme:error:rateLimited', detail, status: 429 }),
  });
};

function isFor(body: string, name: string): boolean {
  const order: unknown = JSON.parse(
    Buffer.from(stringField(JSON.parse(body), 'payload') ?? '', 'base64url').toString(),
  );
  return arrayField(order, 'identifiers').some((identifier) => stringField(identifier, 'value') === name);
}

describe('a name that the CA has paused', { timeout: 300_000 }, () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    stage.ca.interfere = refuse;
    await stage.startController(environment);
    await stage.apply(
      ingress('shop/web', web),
      ingress('shop/other', { tls: { 'other-tls': ['other.example.com'] } }),
    );
  });
  after(() => stage.stop());

  it('shows its owner the link that lifts the pause, in one Event, and holds up nobody else', async () => {
    const told = await stage.untilWarned('shop/web', 'PauseLink');
    assert.ok(told.endsWith(` ${link}`));
    assert.match(await stage.untilWarned('shop/web', 'NamePaused'), new RegExp(host.replaceAll('.', '\\.')));
    await stage.untilIssued('shop/other');
    assert.equal(asked, 1);
  });

  it('is not asked for again by itself, nor after a crash', async () => {
    const waits = new RegExp(`^order when .*${host} has room$`);
    // The first step of the back-off is a minute; the order then waits in the queue.
    await eventually('the round waits', async () => waits.test((await next()) ?? ''), 100_000);
    await stage.controller.kill();
    await stage.startController(environment);
    await eventually('the round waits again', async () => waits.test((await next()) ?? ''), 100_000);
    assert.equal(asked, 1);
  });

  it('has the link nowhere but in that Event', async () => {
    const events = await stage.events('shop/web');
    assert.equal(events.filter(({ message }) => message.includes('jwt=')).length, 1);
    const places = await Promise.all([
      readFile(stage.controller.log, 'utf8'),
      stage.controller.page('inspector', '/ingresses'),
      stage.controller.page('inspector', '/ingresses/shop/web'),
      stage.controller.page('health', '/metrics'),
      ...[
        '/apis/networking.k8s.io/v1/ingresses',
        '/api/v1/configmaps',
        '/api/v1/namespaces/shop/secrets',
        '/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3Dother',
      ].map(async (path) => JSON.stringify(await stage.object(path))),
    ]);
    for (const place of places) assert.doesNotMatch(place, /jwt=|eyJhbGci|cccccccc/);
  });

  it('is asked for when its owner sets a new value of kube-lego.io/retry', async () => {
    paused = false;
    await stage.apply(ingress('shop/web', { ...web, annotations: { 'kube-lego.io/retry': 'mended' } }));
    await stage.untilIssued('shop/web');
    assert.equal(asked, 2);
  });
});

async function next(): Promise<string | undefined> {
  return (await stage.view('shop/web'))?.next.action;
}
