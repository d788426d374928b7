import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { SiteRoute } from '../../../machines/gateway/gateway-objects.ts';
import { SettledAttachments, settlingTime } from '../../../machines/gateway/settled-attachments.ts';
import { gateway, http, route } from './gateway-builders.ts';

const edge = gateway('edge', http('http'));
const half = settlingTime / 2;

function attached(...hostnames: readonly string[]): SiteRoute {
  return route('app', edge, hostnames);
}

describe('the hostnames of an HTTPRoute', () => {
  let settled: SettledAttachments;
  beforeEach(() => {
    settled = new SettledAttachments();
  });

  const counting = (): readonly string[] => settled.get('shop/app')?.hostnames ?? [];
  const put = (attachment: SiteRoute | undefined, at: number): boolean =>
    settled.put('shop/app', attachment, at);

  it('count at once when the route is first attached', () => {
    assert.equal(put(undefined, 0), false);
    assert.equal(put(attached('a'), 5), true);
    assert.deepEqual(counting(), ['a']);
    assert.equal(settled.next(), undefined);
  });

  it('changed twice within a minute count once, when the last change has stood for a minute', () => {
    put(attached('a'), 0);
    assert.equal(put(attached('b'), 0), false);
    assert.equal(put(attached('c'), half), false);
    assert.deepEqual(settled.settle(settlingTime), []);
    assert.deepEqual(counting(), ['a']);
    assert.equal(settled.next(), half + settlingTime);
    assert.deepEqual(settled.settle(half + settlingTime), [{ route: 'shop/app', before: attached('a') }]);
    assert.deepEqual(counting(), ['c']);
  });

  it('changed and changed back have not changed', () => {
    put(attached('a'), 0);
    put(attached('b'), 0);
    put(attached('a'), half);
    assert.equal(settled.next(), undefined);
    assert.deepEqual(counting(), ['a']);
  });

  it('stay for a minute when the route is deleted, or its acceptance flaps', () => {
    put(attached('a'), 0);
    put(undefined, 0);
    put(attached('a'), half);
    assert.equal(settled.next(), undefined);
    put(undefined, half);
    settled.settle(half + settlingTime);
    assert.deepEqual(counting(), []);
    assert.equal(put(attached('b'), 2 * settlingTime), true, 'it is new');
  });

  it('are not put off by what says the same again', () => {
    put(attached('a'), 0);
    put(attached('b'), 0);
    put(attached('b'), half);
    assert.equal(settled.next(), settlingTime);
  });
});
