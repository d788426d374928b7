import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameRing } from '../../src/inspector/frame-ring.ts';
import { Stories } from '../../src/inspector/history/stories.ts';

describe('what the inspector keeps', () => {
  it('is two megabytes of frames', () => {
    const ring = new FrameRing();
    const ids = Array.from({ length: 40 }, () => {
      ring.add('delta', JSON.stringify('x'.repeat(100_000)));
      return ring.id;
    });
    const kept = ids.filter((id) => ring.after(id) !== undefined);
    assert.equal(kept.length, 21, 'the twenty that fit, and the one before them');
    assert.deepEqual(ring.after(ids.at(-1) ?? ''), []);
    ring.clear();
    assert.ok(ids.every((id) => ring.after(id) === undefined));
  });

  it('is a hundred entries of each Ingress', () => {
    const stories = new Stories();
    for (let at = 0; at < 250; at += 1) {
      stories.event('Ingress/shop/web', { state: 'idle', at: 0 }, at, `WAKE ${at}`);
    }
    const { timeline } = stories.of('Ingress/shop/web');
    assert.equal(timeline.length, 100);
    assert.equal(timeline.at(-1)?.text, 'WAKE 249');
  });

  it('is twenty thousand entries in all: those who have been quiet the longest are forgotten', () => {
    const stories = new Stories();
    for (let ingress = 0; ingress < 300; ingress += 1) {
      for (let at = 0; at < 100; at += 1) {
        stories.event(`Ingress/shop/${ingress}`, { state: 'idle', at: 0 }, at, 'WAKE');
      }
    }
    const kept = Array.from(
      { length: 300 },
      (_, ingress) => stories.of(`Ingress/shop/${ingress}`).timeline.length,
    );
    assert.ok(kept.reduce((sum, entries) => sum + entries) <= 20_000);
    assert.equal(kept[0], 0);
    assert.equal(kept[299], 100);
  });
});
