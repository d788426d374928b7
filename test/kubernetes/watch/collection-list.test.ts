import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StreamBody } from '../../../src/kubernetes/client/api-answer.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { PageSize, readCollection } from '../../../src/kubernetes/watch/collection-list.ts';

const mebibyte = 1024 * 1024;
const { signal } = new AbortController();

/** Answers with these pages in turn, each in pieces. */
class Pages {
  readonly limits: (string | null)[] = [];
  readonly #pages: (readonly string[] | Error)[];

  constructor(...pages: (readonly string[] | Error)[]) {
    this.#pages = pages;
  }

  stream(_path: string, query: URLSearchParams) {
    this.limits.push(query.get('limit'));
    return Promise.resolve({ statusCode: 200, headers: {}, body: this.#body(this.#pages.shift() ?? []) });
  }

  #body(page: readonly string[] | Error): StreamBody {
    return {
      async *[Symbol.asyncIterator]() {
        if (page instanceof Error) throw page;
        for (const piece of page) yield Buffer.from(piece);
      },
      destroy: () => undefined,
    };
  }
}

function read(client: Pages, pages: PageSize, each: (object: unknown) => void = () => undefined) {
  const path = '/apis/example/v1/things';
  return readCollection({ client, path, query: new URLSearchParams(), pages, signal }, each);
}

function page(items: readonly unknown[], metadata: object): string[] {
  return [JSON.stringify({ kind: 'List', metadata, items })];
}

describe('the size of a page', () => {
  it('grows to the most by doubling while objects are small', () => {
    const pages = new PageSize(500);
    const sizes = Array.from({ length: 5 }, () => {
      const { next } = pages;
      pages.had(next, next * 2000);
      return next;
    });
    assert.deepEqual(sizes, [100, 200, 400, 500, 500]);
  });

  it('is of some megabytes, however large the objects are, and one at least', () => {
    const pages = new PageSize(500);
    pages.had(100, 130 * mebibyte);
    assert.equal(pages.next, 6);
    pages.had(6, 60 * mebibyte);
    assert.equal(pages.next, 1);
    pages.had(1, 16 * mebibyte);
    assert.equal(pages.next, 1);
    pages.had(0, 100);
    assert.equal(pages.next, 2);
  });

  it('is halved when the answer broke off or came too late, and not when it was refused', async () => {
    const pages = new PageSize(500);
    for (const error of [new Error('other side closed'), new KubernetesError('Timeout', 'no answer')])
      await assert.rejects(read(new Pages(error), pages));
    await assert.rejects(read(new Pages(new KubernetesError('Gone', 'expired')), pages));
    await assert.rejects(read(new Pages(new KubernetesError('Forbidden', 'no')), pages));
    assert.equal(pages.next, 25);
  });
});

describe('reading a collection', () => {
  it('asks for the next page by the size of the objects before', async () => {
    const large = { metadata: {}, spec: 'x'.repeat(mebibyte) };
    const client = new Pages(
      page([large, large, large], { continue: 'next' }),
      page([large], { resourceVersion: '7' }),
    );
    assert.equal(await read(client, new PageSize(500)), '7');
    assert.deepEqual(client.limits, ['100', '7']);
  });

  it('passes each object on when it has arrived, without its managedFields', async () => {
    const seen: unknown[] = [];
    const pieces = ['{"items":[{"metadata":{"name":"a","managedFields":[{', '"x":1}]}},{"metadata":', '{"na'];
    await assert.rejects(
      read(new Pages(pieces), new PageSize(), (object) => seen.push(object)),
      /what is not JSON/,
    );
    assert.deepEqual(seen, [{ metadata: { name: 'a', managedFields: null } }]);
  });

  it('lets others have their turn between objects that take long', async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      handle = setImmediate(count);
    };
    let handle = setImmediate(count);
    const items = Array.from({ length: 20 }, (_, index) => ({ metadata: { name: `a${index}` } }));
    const before: number[] = [];
    await read(new Pages(page(items, { resourceVersion: '1' })), new PageSize(), () => {
      before.push(turns);
      const until = performance.now() + 11;
      while (performance.now() < until);
    });
    clearImmediate(handle);
    assert.equal(new Set(before).size, 20);
  });

  it('refuses what is no list', async () => {
    for (const text of [
      '{"kind":"Status"}',
      '{"items":{}}',
      '{"items":null,"metadata":{}}',
      '[]',
      '<html>',
      '',
    ])
      await assert.rejects(read(new Pages([text]), new PageSize()), { code: 'InvalidResponse' }, text);
    await assert.rejects(read(new Pages(page([], {})), new PageSize()), /the list has no resourceVersion/);
  });

  it('refuses a page that does not end', async () => {
    const endless = ['{"items":[', ...Array.from({ length: 101 }, () => '{},'.repeat(1000))];
    await assert.rejects(read(new Pages(endless), new PageSize()), /more than 100000 objects in a page/);
  });
});
