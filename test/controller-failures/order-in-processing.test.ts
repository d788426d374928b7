import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isRecord } from '../../src/process/json.ts';
import { eventually } from '../time/eventually.ts';
import type { Answer } from './faulty-proxy.ts';
import { type Gate, gate } from './gate.ts';
import { ingress, secret, secretPath } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const order = /^\/(?:my-order|finalize-order)\/(.+)$/;

let stage: Stage;

describe('an order that the CA keeps in processing', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    await stage.startController();
  });
  after(() => stage.stop());

  it('holds up no other Secret of its Ingress, and is stored when the CA is done', async () => {
    const slow = holdIssuance('slow.example.com');
    await stage.apply(
      ingress('shop/both', { tls: { 'slow-tls': ['slow.example.com'], 'quick-tls': ['quick.example.com'] } }),
    );
    await slow.reached;
    await stage.untilView('shop/both', 'the quick one is stored', ({ notAfter }) => notAfter !== undefined);
    await assertHoldsCertificate('shop/quick-tls');
    assert.equal(await stage.secret('shop/slow-tls'), undefined);
    const { problems } = await stage.untilState('shop/both', 'validating');
    assert.deepEqual(problems, []);

    slow.open();
    await stage.untilState('shop/both', 'idle');
    await assertHoldsCertificate('shop/slow-tls');
    assert.equal(await stage.orders(), 2);
  });

  it('is not made again for a change of its Ingress that does not concern it', async () => {
    const orders = await stage.orders();
    const kept = holdIssuance('kept.example.com');
    const first = { 'kept-tls': ['kept.example.com'], 'taken-tls': ['taken.example.com'] };
    await stage.apply(secret('shop/taken-tls', { 'tls.crt': 'of somebody else', 'tls.key': 'of theirs' }));
    await stage.apply(ingress('shop/many', { tls: first }));
    await kept.reached;
    await stage.untilWarned('shop/many', 'ForeignSecret');
    const tls = { ...first, 'more-tls': ['more.example.com'] };
    await stage.apply(ingress('shop/many', { tls }));
    await stage.untilView('shop/many', 'the new one is stored', ({ notAfter }) => notAfter !== undefined);
    await assertHoldsCertificate('shop/more-tls');
    assert.equal(await stage.secret('shop/kept-tls'), undefined);

    await stage.world.api.expect(secretPath('shop/taken-tls'), { method: 'DELETE' });
    const annotations = { 'kube-lego.io/retry': 'it is taken away' };
    await stage.apply(ingress('shop/many', { tls, annotations }));
    await eventually(
      'the sibling is stored',
      async () => (await stage.secret('shop/taken-tls')) !== undefined,
    );
    await assertHoldsCertificate('shop/taken-tls');
    assert.equal(await stage.secret('shop/kept-tls'), undefined);

    kept.open();
    await stage.untilState('shop/many', 'idle');
    await assertHoldsCertificate('shop/kept-tls');
    assert.equal(await stage.orders(), orders + 3);
  });
});

/** Has the CA keep the order of this host in processing, from its finalization on, until the gate is opened. */
function holdIssuance(host: string): Gate {
  const issuance = gate();
  let done = false;
  const release = (): Promise<void> => {
    done = true;
    return Promise.resolve();
  };
  stage.ca.interfere = ({ path, forward }) => {
    if (!order.test(path)) return undefined;
    return forward().then((answer) => {
      const held = !done && isFinalized(answer, host);
      if (held) void issuance.pass(release);
      return held ? inProcessing(answer) : answer;
    });
  };
  return issuance;
}

async function assertHoldsCertificate(key: string): Promise<void> {
  assert.match((await stage.secret(key))?.['tls.crt'] ?? '', /BEGIN CERTIFICATE/);
}

/** Whether this is the order of the host, past its finalization. */
function isFinalized({ body }: Answer, host: string): boolean {
  return body.includes(host) && /"status": *"(?:processing|valid)"/.test(body);
}

/** The answer as it was before the certificate. */
function inProcessing(answer: Answer): Answer {
  const shown: unknown = JSON.parse(answer.body);
  assert.ok(isRecord(shown));
  const { certificate: _, ...rest } = shown;
  return {
    status: answer.status,
    headers: { ...answer.headers, 'retry-after': '1' },
    body: JSON.stringify({ ...rest, status: 'processing' }),
  };
}
