import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { decodeStatus } from '../../src/kubernetes/records/status-annotation.ts';
import type { Finding } from '../ca/authorizations.ts';
import { statusTextOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';
import { ingress, ingressPath } from './objects.ts';
import { type Stage, startStage } from './stage.ts';
import { StrictCa } from './strict-ca.ts';

const hour = 3_600_000;
const day = 24 * hour;
const host = 'paused.example.com';
const tls = { 'web-tls': ['good.example.com', host] };

let stage: Stage;
let ca: StrictCa;
/** The token in the link, which gives whoever has it the right to lift the pause. */
let secret = '';
const findings = new Map<string, Finding>();

async function start(): Promise<void> {
  const environment = { LEGO_LOG_LEVEL: 'trace' };
  await stage.startController({ ...ca.environment, ...environment });
}

/** A new value of the annotation asks for another attempt at once. */
async function retry(value: string): Promise<void> {
  await stage.apply(ingress('shop/web', { tls, annotations: { 'kube-lego.io/retry': value } }));
}

/** How often the CA refused an order. */
function refusals(): number {
  return ca.orders.filter(({ status }) => status === 429).length;
}

describe('a name that the CA has paused', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    ca = await StrictCa.start(stage, {
      limits: { 'consecutive-failures': { burst: 1, period: day } },
      validate: (name) => Promise.resolve(findings.get(name) ?? 'ok'),
    });
    await start();
    findings.set(host, 'connection');
    await stage.apply(ingress('shop/web', { tls }));
    await stage.untilState('shop/web', 'backing-off');
    findings.clear();
    await retry('once');
    await stage.apply(ingress('shop/other', { tls: { 'other-tls': ['other.example.com'] } }));
  });
  after(async () => {
    await stage.stop();
    await ca[Symbol.asyncDispose]();
  });

  it('shows its owner the link that lifts the pause, in one Event, and holds up nobody else', async () => {
    const told = await stage.untilWarned('shop/web', 'PauseLink');
    [, secret = ''] = / https:\S+\/unpause\?jwt=(\S+)$/.exec(told) ?? [];
    assert.ok(secret.length > 1400, told);
    assert.match(await stage.untilWarned('shop/web', 'NamePaused'), new RegExp(host.replaceAll('.', '\\.')));
    await stage.untilIssued('shop/other');
    assert.equal(refusals(), 1);
  });

  it('is not asked for again by itself, nor after a crash', async () => {
    const told = async () => {
      const text = statusTextOf(await stage.object(ingressPath('shop/web')));
      return decodeStatus(text)?.secrets['web-tls'];
    };
    await eventually('its status says so', async () => (await told())?.reason === 'NamePaused');
    // Not the first step of the back-off, at which nothing would be sent.
    const isTomorrow = async () => Date.parse((await told())?.nextAttempt ?? '') > Date.now() + 23 * hour;
    assert.ok(await isTomorrow());
    await stage.controller.kill();
    const asked = ca.orders.length;
    await start();
    // What it does next may be a check of its Secret, which comes at a moment of its own.
    await stage.untilState('shop/web', 'backing-off');
    assert.ok(await isTomorrow());
    assert.equal(ca.orders.length, asked);
  });

  it('has the link nowhere but in that Event', async () => {
    const events = await stage.events('shop/web');
    assert.equal(events.filter(({ message }) => message.includes('jwt=')).length, 1);
    const places = await Promise.all([
      readFile(stage.controller.log, 'utf8'),
      stage.controller.page('inspector', '/sources'),
      stage.controller.page('inspector', '/sources/Ingress/shop/web'),
      stage.controller.page('metrics', '/metrics'),
      ...[
        '/apis/networking.k8s.io/v1/ingresses',
        '/api/v1/configmaps',
        '/api/v1/namespaces/shop/secrets',
        '/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3Dother',
      ].map(async (path) => JSON.stringify(await stage.object(path))),
    ]);
    for (const place of places) {
      assert.doesNotMatch(place, /jwt=/);
      for (const part of secret.match(/.{20}/g) ?? []) assert.ok(!place.includes(part));
    }
  });

  it('is asked for when its owner sets a new value of kube-lego.io/retry', async () => {
    assert.equal(ca.server.ca.pauses.unpause(secret), 1);
    await retry('mended');
    await stage.untilIssued('shop/web');
    assert.equal(refusals(), 1);
  });
});
