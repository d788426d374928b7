import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Interference } from './faulty-proxy.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const names = Array.from({ length: 12 }, (_, index) => `site-${index}`);
const keys = names.map((name) => `shop/${name}`);

let stage: Stage;
let terms: 'accepted' | 'changed' = 'changed';
let asked = 0;

/** Refuses every order until the new terms are accepted, as Boulder does. */
const refuse: Interference = ({ path }) => {
  if (path !== '/order-plz') return undefined;
  asked += 1;
  if (terms === 'accepted') return undefined;
  const problem = {
    type: 'urn:ietf:params:acme:error:userActionRequired',
    detail: 'Terms of service have changed',
    instance: 'https://ca.example/agree',
    status: 403,
  };
  return Promise.resolve({
    status: 403,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify(problem),
  });
};

describe('a CA that wants its new terms accepted', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    stage.ca.interfere = refuse;
    await stage.apply(
      ...names.map((name) => ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } })),
    );
    await stage.startController({ LEGO_MAX_ORDERS_IN_FLIGHT: '1' });
  });
  after(() => stage.stop());

  it('is asked once, whatever number of Ingresses wait, and each of them says why', async () => {
    for (const key of keys) {
      const message = await stage.untilWarned(key, 'AccountNotReady');
      assert.match(message, /Terms of service have changed.* See https:\/\/ca\.example\/agree\./);
      await stage.untilState(key, 'backing-off');
    }
    assert.equal(asked, 1);
  });

  it('is in the log once, as an error', async () => {
    const records = (await stage.log()).filter((record) =>
      JSON.stringify(record).includes('ca.example/agree'),
    );
    assert.deepEqual(
      records.map(({ level }) => level),
      ['error'],
    );
  });

  it('is asked again after a restart', async () => {
    terms = 'accepted';
    await stage.controller.stop();
    await stage.startController();
    await stage.untilIssued(...keys);
    assert.equal(asked, 1 + keys.length);
  });
});
