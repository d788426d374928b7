import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import { visit } from '../../deploy/local/https-visit.ts';
import { eventually } from '../time/eventually.ts';
import { gate } from './gate.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const accountSecret = 'kube-lego/kube-lego-account';

let stage: Stage;

before(async () => {
  // All of this also while the CA rejects every second nonce.
  stage = await startStage({ namespaces: ['shop'], proxyCa: true, pebble: { nonceReject: 50 } });
});
afterEach(() => {
  stage.ca.interfere = () => undefined;
});
after(() => stage.stop());

describe('a CA that is away when the controller starts', () => {
  it("is nobody's failure, and the certificate comes when the CA does", async () => {
    await stage.world.pebble.stopServer();
    await stage.apply(ingress('shop/first', { tls: { 'first-tls': ['first.example.com'] } }));
    await stage.startController();

    const message = await stage.untilWarned('shop/first', 'CaUnavailable');
    assert.match(message, /^No account at localhost|^No account at 127\.0\.0\.1/);
    assert.match(message, /Check LEGO_URL, HTTPS_PROXY and that the cluster allows egress to the CA/);
    const { next } = await stage.untilState('shop/first', 'backing-off');
    assert.equal(next.action, 'retry first-tls');
    const { at, nextAttempt } = await stage.firstFailure('shop/first', 'CaUnavailable');
    assert.ok(nextAttempt - at < 10_000, 'it is tried again within seconds');
    await stage.world.pebble.startServer();

    await stage.untilIssued('shop/first');
  });
});

describe('a CA that rejects every second nonce', () => {
  it('issues every certificate all the same, the first time', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await stage.apply(
      ...names.map((name) => ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } })),
    );
    await stage.untilIssued(...names.map((name) => `shop/${name}`));
    for (const name of names) {
      const reasons = async () => (await stage.events(`shop/${name}`)).map(({ reason }) => reason);
      await eventually(`shop/${name} has an Event`, async () => (await reasons()).length > 0);
      assert.deepEqual(await reasons(), ['CertificateIssued']);
    }
    // Seven requests for each certificate would do if none was rejected.
    const requests = (await readFile(stage.world.pebble.log, 'utf8')).split('POST /').length - 1;
    assert.ok(requests > 8 * names.length, `${requests} requests`);
  });
});

describe('a CA that is restarted with new roots and without its accounts', () => {
  it('in the middle of an order gets the same account key again, and a new order', async () => {
    const before = await stage.secret(accountSecret);
    const firstCertificate = (await stage.secret('shop/first-tls'))?.['tls.crt'];
    const authorization = gate();
    stage.ca.interfere = ({ path, forward }) =>
      path.startsWith('/authZ/') ? authorization.pass(forward) : undefined;
    await stage.apply(ingress('shop/second', { tls: { 'second-tls': ['second.example.com'] } }));
    await authorization.reached;
    await stage.world.pebble.restart();
    authorization.open();

    await stage.untilIssued('shop/second');
    const account = await stage.secret(accountSecret);
    assert.equal(account?.['tls.key'], before?.['tls.key']);
    assert.notEqual(account?.['acme-registration-url'], undefined);
    const { httpsPort } = stage.world.edge;
    const root = await stage.world.pebble.rootPem();
    await eventually('the new certificate is served', async () => {
      return (await visit('second.example.com', httpsPort, [root])).status === 200;
    });
    // What was issued before is good for its time, and not ordered again.
    assert.equal((await stage.secret('shop/first-tls'))?.['tls.crt'], firstCertificate);
  });

  it('issues the next certificate as well', async () => {
    await stage.apply(ingress('shop/third', { tls: { 'third-tls': ['third.example.com'] } }));
    await stage.untilIssued('shop/third');
  });
});

describe('a CA whose clock is', () => {
  for (const { name, hours, warning } of [
    { name: 'ahead', hours: 1, warning: /^The local clock is 60 minutes behind .*\(NTP\)\.$/ },
    { name: 'behind', hours: -1, warning: /^The local clock is 60 minutes ahead of .*\(NTP\)\.$/ },
  ]) {
    it(`an hour ${name} issues all the same, and the log says once which clocks to look at`, async () => {
      // A process that knows nothing yet of the clock: what stays wrong is told once.
      await stage.controller.stop();
      stage.ca.interfere = async ({ forward }) => {
        const answer = await forward();
        const date = new Date(Date.now() + hours * 3_600_000).toUTCString();
        return { ...answer, headers: { ...answer.headers, date } };
      };
      await stage.startController();
      await stage.apply(ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
      await stage.untilIssued(`shop/${name}`);
      const warnings = (await stage.log()).filter(({ msg }) => warning.test(String(msg)));
      assert.equal(warnings.length, 1);
    });
  }
});
