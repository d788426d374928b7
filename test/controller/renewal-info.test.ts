import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { day, minute } from '../../machines/time/durations.ts';
import { certificateId } from '../../src/certificate/certificate-id.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import type { Answer } from '../controller-failures/faulty-proxy.ts';
import { type Gate, gate } from '../controller-failures/gate.ts';
import { ingress, ingressPath, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

const explanation = 'https://ca.example.com/incident';

let stage: Stage;

/** What the controller said of its order that the certificate replaces, for each order it asked for. */
const replaced: (string | undefined)[] = [];

function payloadOf(jws: string): unknown {
  const payload = stringField(JSON.parse(jws), 'payload') ?? '';
  return payload === '' ? undefined : JSON.parse(Buffer.from(payload, 'base64url').toString());
}

describe('a certificate that the CA wants renewed', () => {
  before(async () => {
    const profiles = {
      brief: { description: 'for a minute', validityPeriod: 60 },
      lasting: { description: 'for a day', validityPeriod: 86_400 },
    };
    stage = await startStage({ namespaces: ['shop'], proxyCa: true, pebble: { profiles } });
    await stage.startController({ LEGO_PROFILE: 'brief' });
  });
  afterEach(async () => {
    replaced.length = 0;
    stage.ca.interfere = () => undefined;
    // Theirs would be renewed in the middle of another test.
    for (const key of ['shop/recalled', 'shop/refused']) {
      await stage.world.api.request(ingressPath(key), { method: 'DELETE' });
    }
  });
  after(() => stage.stop());

  /** Lets the CA say of the first certificate that it is to be renewed now, and holds the order for that back; then it is refused, or made. */
  function suggestRenewal(refusal?: Answer): Gate {
    const renewal = gate();
    let first = true;
    stage.ca.interfere = ({ path, body, forward }) => {
      if (path === '/order-plz') {
        replaced.push(stringField(payloadOf(body), 'replaces'));
        if (replaced.length === 2) {
          return renewal.pass(() => (refusal === undefined ? forward() : Promise.resolve(refusal)));
        }
      }
      if (!path.includes('renewalInfo') || !first) return undefined;
      first = false;
      // Whenever it is read, it has not ended, and its time has very likely come.
      const [start, end] = [-day, minute].map((offset) => new Date(Date.now() + offset).toISOString());
      return Promise.resolve({
        status: 200,
        headers: { 'content-type': 'application/json', 'retry-after': '21600' },
        body: JSON.stringify({ suggestedWindow: { start, end }, explanationURL: explanation }),
      });
    };
    return renewal;
  }

  /** Who stands still for a quarter of a minute may never see it idle: then the renewal is under way, and is held back. */
  async function untilStored(key: string): Promise<void> {
    await stage.guard(
      eventually(`Secret ${key} is there`, async () => (await stage.secret(key)) !== undefined),
    );
  }

  it('is renewed then, long before its time, and its owner is told why', async () => {
    const renewal = suggestRenewal();
    await stage.apply(ingress('shop/recalled', { tls: { 'recalled-tls': ['recalled.example.com'] } }));
    await untilStored('shop/recalled-tls');
    const first = await assertStored(stage, 'shop/recalled-tls', ['recalled.example.com']);
    const id = certificateId(first);
    assert.ok(id !== undefined);
    renewal.open();
    await eventually(
      'the Secret holds another certificate',
      async () =>
        (await assertStored(stage, 'shop/recalled-tls', ['recalled.example.com'])).serialNumber !==
        first.serialNumber,
    );
    // Later ones replace the second certificate.
    assert.deepEqual(replaced.slice(0, 2), [undefined, id]);
    await eventually('people are told', async () => {
      const events = await stage.events('shop/recalled');
      return events.some(
        ({ reason, message }) => reason === 'RenewalSuggested' && message.includes(explanation),
      );
    });
  });

  it('is renewed all the same where the CA does not take the order for a replacement', async () => {
    const renewal = suggestRenewal({
      status: 409,
      headers: { 'content-type': 'application/problem+json' },
      body: JSON.stringify({
        type: 'urn:ietf:params:acme:error:alreadyReplaced',
        detail: "Could not validate ARI 'replaces' field",
        status: 409,
      }),
    });
    await stage.apply(ingress('shop/refused', { tls: { 'refused-tls': ['refused.example.com'] } }));
    await untilStored('shop/refused-tls');
    const first = await assertStored(stage, 'shop/refused-tls', ['refused.example.com']);
    renewal.open();
    await eventually(
      'the Secret holds another certificate',
      async () =>
        (await assertStored(stage, 'shop/refused-tls', ['refused.example.com'])).serialNumber !==
        first.serialNumber,
    );
    assert.deepEqual(replaced.slice(0, 3), [undefined, certificateId(first), undefined]);
    assert.equal((await stage.view('shop/refused'))?.problems.length, 0);
  });

  it('is neither asked about nor written to when the controller starts again', async () => {
    const questions: string[] = [];
    const annotations = { 'kube-lego.io/profile': 'lasting' };
    await stage.apply(ingress('shop/calm', { tls: { 'calm-tls': ['calm.example.com'] }, annotations }));
    await stage.untilIssued('shop/calm');
    const before = await stage.object(secretPath('shop/calm-tls'));
    stage.ca.interfere = ({ path }) => {
      questions.push(path);
      return undefined;
    };
    await stage.controller.kill();
    await stage.startController({ LEGO_PROFILE: 'brief' });
    await stage.untilIssued('shop/calm');
    assert.deepEqual(
      questions.filter((path) => path.includes('renewalInfo')),
      [],
    );
    const after = await stage.object(secretPath('shop/calm-tls'));
    assert.deepEqual(recordField(after, 'metadata'), recordField(before, 'metadata'));
  });
});
