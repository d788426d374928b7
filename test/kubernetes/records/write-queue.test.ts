import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import { WriteQueue } from '../../../src/kubernetes/records/write-queue.ts';

const keyOf = (name: string): SourceKey => `Ingress/${name.replace(/\d+$/, '')}/${name}`;

describe('the queue of writes', () => {
  let queue: WriteQueue<string>;

  beforeEach(() => {
    queue = new WriteQueue();
  });

  function add(...names: string[]): void {
    for (const name of names) queue.set(keyOf(name), name);
  }

  function taken(take: () => [SourceKey, string] | undefined): string[] {
    const names: string[] = [];
    for (let next = take(); next !== undefined; next = take()) names.push(next[1]);
    return names;
  }

  it('takes of each namespace in turn, the oldest first', () => {
    add('shop1', 'shop2', 'shop3', 'blog1', 'news1', 'blog2');
    assert.deepEqual(
      taken(() => queue.take()),
      ['shop1', 'blog1', 'news1', 'shop2', 'blog2', 'shop3'],
    );
    assert.equal(queue.size, 0);
  });

  it('keeps the place of what is replaced, and counts it once', () => {
    add('shop1', 'shop2');
    queue.set(keyOf('shop1'), 'newer');
    assert.equal(queue.get(keyOf('shop1')), 'newer');
    assert.equal(queue.size, 2);
    queue.delete(keyOf('shop2'));
    queue.delete(keyOf('shop2'));
    assert.equal(queue.size, 1);
    assert.deepEqual(
      taken(() => queue.take()),
      ['newer'],
    );
  });

  it('passes over what is being written', () => {
    add('shop1', 'blog1', 'shop2');
    const writing = new Map([[keyOf('shop1'), undefined]]);
    assert.deepEqual(
      taken(() => queue.take(writing)),
      ['shop2', 'blog1'],
    );
    assert.equal(queue.hasWaiting, true);
  });

  it('keeps namespaces in trouble apart, each in turn, until one of their writes is answered', () => {
    add('shop1', 'shop2', 'blog1', 'news1');
    queue.failed(keyOf('shop9'));
    queue.failed(keyOf('blog9'));
    assert.deepEqual([queue.hasWaiting, queue.hasTroubled], [true, true]);
    assert.deepEqual(
      taken(() => queue.take()),
      ['news1'],
    );
    assert.equal(queue.hasWaiting, false);
    add('blog2');
    assert.deepEqual([queue.takeTroubled()?.[1], queue.takeTroubled()?.[1]], ['shop1', 'blog1']);
    queue.answered(keyOf('blog1'));
    assert.equal(queue.take()?.[1], 'blog2');
    assert.equal(queue.take(), undefined);
    assert.equal(queue.takeTroubled()?.[1], 'shop2');
    assert.deepEqual([queue.hasWaiting, queue.hasTroubled, queue.size], [false, false, 0]);
  });

  it('remembers the trouble of namespaces of which something waits, and of the last thousand others', () => {
    const namespace = (at: number): SourceKey => `Ingress/n${at}/web`;
    queue.set(namespace(0), 'waiting');
    for (let at = 0; at < 3000; at += 1) queue.failed(namespace(at));
    for (const at of [1, 1999, 2000, 2999]) queue.set(namespace(at), `n${at}`);
    assert.deepEqual(
      taken(() => queue.take()),
      ['n1', 'n1999'],
    );
    assert.deepEqual(
      taken(() => queue.takeTroubled()),
      ['waiting', 'n2000', 'n2999'],
    );
  });

  it('has a surplus of the namespace with most, the youngest', () => {
    add('shop1', 'blog1', 'blog2', 'blog3', 'shop2');
    assert.equal(queue.takeSurplus()?.[1], 'blog3');
    assert.equal(queue.size, 4);
    assert.equal(new WriteQueue().takeSurplus(), undefined);
  });
});
