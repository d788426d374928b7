import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bySpecificity,
  hostnamesServing,
  intersection,
  serves,
} from '../../../machines/gateway/hostname-match.ts';

describe('a hostname of a listener or route', () => {
  it('without wildcard serves that host alone, with one all hosts below at any depth, and none all', () => {
    assert.equal(serves('a.example.com', 'a.example.com'), true);
    assert.equal(serves('a.example.com', 'b.a.example.com'), false);
    assert.equal(serves('*.example.com', 'a.example.com'), true);
    assert.equal(serves('*.example.com', 'b.a.example.com'), true);
    assert.equal(serves('*.example.com', 'example.com'), false);
    assert.equal(serves('*.example.com', 'myexample.com'), false);
    assert.equal(serves(undefined, 'a.example.com'), true);
  });

  it('intersects with another one in the more specific of both', () => {
    for (const [one, other, both] of [
      ['a.example.com', '*.example.com', { hostname: 'a.example.com' }],
      ['*.example.com', '*.com', { hostname: '*.example.com' }],
      [undefined, '*.com', { hostname: '*.com' }],
      [undefined, undefined, { hostname: undefined }],
      ['*.example.com', '*.example.org', 'none'],
      ['example.com', '*.example.com', 'none'],
    ] as const) {
      assert.deepEqual(intersection(one, other), both);
      assert.deepEqual(intersection(other, one), both);
    }
  });

  it('is one of those that serve a host: itself, the wildcards above it, and all hosts', () => {
    const hostnames = hostnamesServing('a.b.example.com');
    assert.deepEqual(hostnames, ['a.b.example.com', '*.b.example.com', '*.example.com', '*.com', undefined]);
    assert.deepEqual(hostnames.toSorted(bySpecificity), hostnames);
    assert.ok(hostnames.every((hostname) => serves(hostname, 'a.b.example.com')));
  });

  it('comes before a wildcard, a longer wildcard before a shorter one, and all hosts last', () => {
    const sorted = [undefined, '*.com', '*.long-name.example.com', 'a.b', '*.example.com'].toSorted(
      bySpecificity,
    );
    assert.deepEqual(sorted, ['a.b', '*.long-name.example.com', '*.example.com', '*.com', undefined]);
  });
});
