import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const hmacKey = Buffer.alloc(32, 7).toString('base64url');

let stage: Stage;

describe('a CA that wants an external account binding', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], pebble: { externalAccountKeys: { 'kid-1': hmacKey } } });
    await stage.apply(ingress('shop/bound', { tls: { 'bound-tls': ['bound.example.com'] } }));
  });
  after(() => stage.stop());

  it('is not asked without one, and people are told where to get it and where to put it', async () => {
    await stage.startController();
    const message = await stage.untilWarned('shop/bound', 'AccountNotReady');
    assert.match(
      message,
      /registers accounts only with an external account binding\. Get a key id and an HMAC key from the CA and set LEGO_EAB_KID and LEGO_EAB_HMAC_KEY\./,
    );
    assert.equal(await stage.orders(), 0);
    await stage.controller.stop();
  });

  it('issues with it, and the HMAC key is in no log', async () => {
    await stage.startController({ LEGO_EAB_KID: 'kid-1', LEGO_EAB_HMAC_KEY: hmacKey });
    await stage.untilIssued('shop/bound');
    assert.equal((await readFile(stage.controller.log, 'utf8')).includes(hmacKey), false);
  });
});
