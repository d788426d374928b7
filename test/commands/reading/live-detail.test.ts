import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import { askController } from '../../../src/commands/reading/live-detail.ts';
import { Site, saying } from '../../challenges/http-01/site.ts';
import { detailOf } from '../live-builders.ts';

const signal = AbortSignal.timeout(60_000);
const ingress = { kind: 'Ingress', namespace: 'shop', name: 'web', uid: 'uid-here' };

describe('whoever listens where the controller should', () => {
  it('is heard when it speaks of this Ingress', async () => {
    const detail = detailOf([], { uid: 'uid-here' });
    const requested: (string | undefined)[] = [];
    const answer = await answerOf((request, response) => {
      requested.push(request.url);
      response.end(JSON.stringify(detail));
    });
    assert.deepEqual(answer, { kind: 'told', detail });
    assert.deepEqual(requested, ['/sources/Ingress/shop/web']);
  });

  it('is not heard when it speaks of one of this name in another cluster', async () => {
    const detail = detailOf([], { uid: 'uid-there' });
    assert.deepEqual(await answerOf(saying(200, JSON.stringify(detail))), { kind: 'stranger' });
  });

  for (const [what, listener] of [
    ['knows no such Ingress', saying(404, 'no such Ingress')],
    ['is no controller', saying(200, '<html></html>')],
    ['says something else', saying(200, '{"row":{"uid":"uid-here"}}')],
    ['says nothing', () => undefined],
    ['says too much', saying(200, JSON.stringify({ ...detailOf([]), more: 'x'.repeat(5_000_000) }))],
  ] as const) {
    it(`counts for nothing when it ${what}`, async () => {
      assert.deepEqual(await answerOf(listener), { kind: 'silent' });
    });
  }

  it('counts for nothing when it is nobody', async () => {
    assert.deepEqual(await askController(1, ingress, signal), { kind: 'silent' });
  });
});

async function answerOf(listener: RequestListener) {
  await using site = await Site.start(listener);
  return await askController(site.port, ingress, signal);
}
