import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { assertStored, untilServed } from '../controller/certificate.ts';
import { challengeHosts } from '../controller/observation.ts';
import { answerTo, ask } from '../local/edge-world.ts';
import { eventually } from '../time/eventually.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

/** A second instance takes up each change half a second after the first one, which takes as long itself. */
const slow = { lag: 500, delay: 500 };
const profile = { description: 'for a day', validityPeriod: 24 * 3600 };
const host = 'web.example.com';
const challengePath = `/.well-known/acme-challenge/${'x'.repeat(43)}`;

let stage: Stage;

for (const { redirect, status, challenge } of [
  // The challenge Ingress says by annotation that it is not to be redirected.
  { redirect: 'host', status: 308, challenge: 'by http' },
  // The whole host before any path is looked at: the challenge is answered over https, with whatever certificate.
  { redirect: 'all', status: 308, challenge: 'by https' },
] as const) {
  describe(`behind a lagging edge that redirects (${redirect}), a certificate`, () => {
    before(async () => {
      stage = await startStage({
        namespaces: ['shop'],
        edge: { redirect, ...slow },
        pebble: { profiles: { one: profile, other: profile } },
      });
      await stage.apply(ingress('shop/web', { tls: { 'web-tls': [host] } }));
      await eventually('both instances redirect', () => bothRedirect('/'));
      await stage.startController({ LEGO_PROFILE: 'one', LEGO_PROPAGATION_DELAY: '3s' });
    });
    after(() => stage.stop());

    /** Consecutive connections go to the two instances in turn. */
    async function bothRedirect(path: string): Promise<boolean> {
      const answers = [await askPlainly(path), await askPlainly(path)];
      return answers.every((answer) => answer.status === status);
    }

    /** Else the self-check passes by the rule of before, and the CA asks between its end and the next one. */
    async function noRuleIsLeft(): Promise<boolean> {
      if ((await challengeHosts(stage)).includes(host)) return false;
      const answers = [await askByTls(challengePath), await askByTls(challengePath)];
      return answers.every(({ body }) => body.includes('Hello World'));
    }

    it(`that is the first of its host is proven ${challenge}, and issued by the first order`, async () => {
      await stage.untilIssued('shop/web');
      await assertStored(stage, 'shop/web-tls', [host]);
      assert.equal(await stage.orders(), 1);
      const { headers } = await askPlainly(challengePath);
      assert.equal(headers.location !== undefined, challenge === 'by https');
      await untilServed(stage, host);
    });

    it('that is to be replaced, as another profile is wanted, takes one order more', async () => {
      const first = await assertStored(stage, 'shop/web-tls', [host]);
      await eventually('no rule is left of the first time', noRuleIsLeft);
      const annotations = { 'kube-lego.io/profile': 'other' };
      await stage.apply(ingress('shop/web', { tls: { 'web-tls': [host] }, annotations }));
      await eventually(
        'there is another certificate',
        async () => (await assertStored(stage, 'shop/web-tls', [host])).serialNumber !== first.serialNumber,
      );
      assert.equal(await stage.orders(), 2);
    });

    it('without self-check is issued by its first order, too: it waits until the rule is taken up', async () => {
      // The edge may stand still in it.
      await stage.controller.stop();
      await stage.startController({ LEGO_PROFILE: 'one', LEGO_PROPAGATION_DELAY: '15s' });
      const annotations = { 'kube-lego.io/self-check': 'false' };
      await stage.apply(ingress('shop/blind', { tls: { 'blind-tls': ['blind.example.com'] }, annotations }));
      await stage.untilIssued('shop/blind');
      assert.equal(await stage.orders(), 3);
    });
  });
}

describe('behind an edge that redirects all and refuses TLS without a Secret, as F5 NGINX does', () => {
  before(async () => {
    stage = await startStage({
      namespaces: ['shop'],
      edge: { redirect: 'all', missingCertificate: 'refuse', ...slow },
    });
  });
  after(() => stage.stop());

  it('a first certificate costs no order, and people are told where the challenge ends', async () => {
    await stage.apply(ingress('shop/web', { tls: { 'web-tls': [host] } }));
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '20s' });
    await stage.untilWarned(
      'shop/web',
      'SelfCheckFailed',
      /^Host web\.example\.com redirects the challenge to https:\/\/web\.example\.com.*, which fails in the TLS handshake \(.*\), as it would for the CA\./,
    );
    assert.equal(await stage.secret('shop/web-tls'), undefined);
    assert.equal(await stage.orders(), 0);
  });
});

function askPlainly(path: string): ReturnType<typeof ask> {
  return ask(stage.world.edge.httpPort, { path, headers: { host } });
}

function askByTls(path: string): ReturnType<typeof ask> {
  const port = stage.world.edge.httpsPort;
  const options = { servername: host, rejectUnauthorized: false, agent: false, timeout: 60_000 };
  return answerTo(request({ host: '127.0.0.1', port, path, headers: { host }, ...options }));
}
