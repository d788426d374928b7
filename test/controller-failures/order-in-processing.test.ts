import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isRecord } from '../../src/json.ts';
import type { Answer } from './faulty-proxy.ts';
import { gate } from './gate.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const slowHost = 'slow.example.com';
const order = /^\/(?:my-order|finalize-order)\/(.+)$/;

let stage: Stage;

describe('an order that the CA keeps in processing', { timeout: 240_000 }, () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    await stage.startController();
  });
  after(() => stage.stop());

  it('holds up no other Secret of its Ingress, and is stored when the CA is done', async () => {
    const issuance = gate();
    let done = false;
    stage.ca.interfere = ({ path, forward }) => {
      if (!order.test(path)) return undefined;
      return forward().then((answer) => {
        const held = !done && isFinalized(answer);
        if (held) void issuance.pass(() => Promise.resolve());
        return held ? inProcessing(answer) : answer;
      });
    };
    await stage.apply(
      ingress('shop/both', { tls: { 'slow-tls': [slowHost], 'quick-tls': ['quick.example.com'] } }),
    );
    await issuance.reached;
    await stage.untilView('shop/both', 'the quick one is stored', ({ notAfter }) => notAfter !== undefined);
    assert.match((await stage.secret('shop/quick-tls'))?.['tls.crt'] ?? '', /BEGIN CERTIFICATE/);
    assert.equal(await stage.secret('shop/slow-tls'), undefined);
    const { problems } = await stage.untilState('shop/both', 'validating');
    assert.deepEqual(problems, []);

    done = true;
    await stage.untilState('shop/both', 'idle');
    assert.match((await stage.secret('shop/slow-tls'))?.['tls.crt'] ?? '', /BEGIN CERTIFICATE/);
    assert.equal(await stage.orders(), 2);
  });
});

/** Whether this is the order of the slow host, past its finalization. */
function isFinalized({ body }: Answer): boolean {
  return body.includes(slowHost) && /"status": *"(?:processing|valid)"/.test(body);
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
