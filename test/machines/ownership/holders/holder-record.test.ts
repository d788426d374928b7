import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeHolders, encodeHolders } from '../../../../machines/ownership/holders/holder-document.ts';
import { HolderRecord } from '../../../../machines/ownership/holders/holder-record.ts';
import type { Holder } from '../../../../machines/ownership/holders/holders.ts';
import { day, now } from '../../builders.ts';

const nameOf = (shard: number): string => `kube-lego/kube-lego-holders-${shard}`;

function holder(namespace: string, notBefore = now, certificate = 'abcdefghijklmnop'): Holder {
  return { namespace, notBefore, notAfter: notBefore + 90 * day, certificate };
}

function write(record: HolderRecord, documents: Map<number, string>): number[] {
  const changes = record.takeChanges();
  for (const { shard, text } of changes) documents.set(shard, text);
  return changes.map(({ shard }) => shard);
}

function restored(documents: ReadonlyMap<number, string>): HolderRecord {
  const record = new HolderRecord();
  record.restore(documents, nameOf);
  return record;
}

/** A complete record of so many hosts. */
function filled(hosts: number): { record: HolderRecord; documents: Map<number, string> } {
  const record = new HolderRecord();
  const documents = new Map<number, string>();
  for (let index = 0; index < hosts; index += 1) record.set(`www${index}.example.com`, holder('shop'));
  record.markComplete();
  write(record, documents);
  return { record, documents };
}

const holders = fc.record({
  namespace: fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?$/),
  notBefore: fc.integer({ min: 0, max: 5e9 }).map((seconds) => seconds * 1000),
  certificate: fc.stringMatching(/^[\w-]{16}$/),
});

describe('the record of holders', () => {
  it('is the same after a restart', () => {
    const { record, documents } = filled(2500);
    assert.ok(documents.size > 1);
    const next = restored(documents);
    assert.deepEqual(next.entries(), record.entries());
    assert.equal(next.complete, true);
    assert.deepEqual(next.takeChanges(), [], 'which writes nothing');
  });

  it('fits into a ConfigMap with the longest hosts and namespaces', () => {
    const record = new HolderRecord();
    for (let index = 0; index < 1000; index += 1) {
      const host = `${index}.${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`.slice(
        0,
        253,
      );
      record.set(host, holder('n'.repeat(63)));
    }
    record.markComplete();
    const lengths = record.takeChanges().map(({ text }) => JSON.stringify(text).length);
    assert.ok(lengths.length > 1);
    assert.ok(Math.max(...lengths) <= 31_000, String(Math.max(...lengths)));
  });

  it('changes one document for one host', () => {
    const { record, documents } = filled(2500);
    record.set('www0.example.com', holder('shop', now + day));
    assert.deepEqual(write(record, documents), [0]);
    record.set('new.example.com', holder('shop'));
    assert.equal(write(record, documents).length, 1);
  });

  it('is not complete before that is said, nor when a document of it is lost', () => {
    const record = new HolderRecord();
    const documents = new Map<number, string>();
    assert.deepEqual(write(record, documents), []);
    assert.equal(restored(documents).complete, false);
    record.set('www.example.com', holder('shop'));
    write(record, documents);
    assert.equal(restored(documents).complete, false);
    record.markComplete();
    assert.deepEqual(write(record, documents), [0]);
    assert.equal(restored(documents).complete, true);

    const many = filled(2500).documents;
    for (const shard of many.keys()) {
      const rest = new Map([...many].filter(([other]) => other !== shard));
      assert.equal(restored(rest).complete, false, `without document ${shard}`);
    }
  });

  it('is complete in the documents only once all of them are written', () => {
    const { record, documents } = filled(10);
    const before = documents.size;
    for (let index = 0; index < 2500; index += 1) record.set(`later${index}.example.com`, holder('shop'));
    // The process may crash after each of these writes.
    for (const { shard, text } of record.takeChanges()) {
      documents.set(shard, text);
      assert.equal(restored(documents).complete, true, `after document ${shard}`);
    }
    assert.ok(documents.size > before);
  });

  it('reports damaged entries, uses the others, and is not complete', () => {
    const good = ['shop', 1_700_000_000, 1_710_000_000, 'abcdefghijklmnop'];
    const bad: [string, unknown][] = [
      ['namespace.example.com', ['../shop', ...good.slice(1)]],
      ['time.example.com', [good[0], -1, ...good.slice(2)]],
      ['order.example.com', [good[0], good[2], good[1], good[3]]],
      ['certificate.example.com', [...good.slice(0, 3), 'short']],
      ['length.example.com', good.slice(0, 3)],
      ['kind.example.com', { namespace: 'shop' }],
      ['\u001b[31mhost', good],
      ['__proto__', good],
    ];
    const entries = [['www.example.com', good], ...bad].map(
      ([host, entry]) => `${JSON.stringify(host)}:${JSON.stringify(entry)}`,
    );
    const record = new HolderRecord();
    const text = `{"version":1,"documents":1,"holders":{${entries.join(',')}}}`;
    const { troubles } = record.restore(new Map([[0, text]]), nameOf);
    assert.deepEqual([...record.entries().keys()], ['www.example.com']);
    assert.equal(record.complete, false);
    assert.match(troubles.join('\n'), /^ConfigMap kube-lego\/kube-lego-holders-0 has 8 unreadable entries/);
  });

  it('stays complete whatever dates a certificate has that a tenant has put into the Secret', () => {
    const eras = [-62_167_219_200_000, -1, 0, now, 253_402_300_799_000];
    for (const [notBefore, notAfter] of eras.flatMap((from) => eras.map((to) => [from, to] as const))) {
      const { record, documents } = filled(10);
      record.set('dates.example.com', { ...holder('blog'), notBefore, notAfter });
      write(record, documents);
      const next = restored(documents);
      assert.equal(next.complete, true, `${notBefore} to ${notAfter}`);
      assert.equal(next.get('dates.example.com')?.namespace, 'blog');
    }
  });

  it('refuses a record with a document that is unreadable as a whole', () => {
    for (const text of ['', '{', '[]', '{"holders":{}}', '{"version":2,"holders":{}}', '{"version":1}']) {
      const { documents } = filled(2500);
      documents.set(1, text);
      assert.throws(
        () => restored(documents),
        /^HolderDocumentError: ConfigMap kube-lego\/kube-lego-holders-1 /,
        text,
      );
    }
  });

  it('repeats nothing of a document that looks like a key, or that a terminal obeys', () => {
    for (const text of [
      '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG',
      'k'.repeat(120),
      '\u001b[31m\u202eabc',
    ]) {
      const record = new HolderRecord();
      record.restore(new Map(), nameOf);
      const [trouble = ''] = record.merge(new Map([[0, text]]), nameOf).troubles;
      assert.doesNotMatch(trouble, /MIGH|kkkk|[\p{Cc}\p{Cf}]/u);
    }
  });

  it('repairs a document that becomes unreadable, from memory', () => {
    const { record, documents } = filled(2500);
    const before = new Map(record.entries());
    documents.set(1, '{');
    assert.equal(record.merge(documents, nameOf).troubles.length, 1);
    write(record, documents);
    assert.deepEqual(restored(documents).entries(), before);
  });

  it('comes to the same in two processes that merge, whatever each of them has written', () => {
    const action = fc.record({
      by: fc.constantFrom(0, 1),
      host: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      holder: holders,
    });
    const property = fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      const documents = new Map<number, string>();
      const records = [new HolderRecord(), new HolderRecord()];
      const latest = new Map<string, number>();
      for (const {
        by,
        host,
        holder: { namespace, notBefore, certificate },
      } of actions) {
        const name = `${host}.example.com`;
        // A CA issues the later certificate later.
        const at = (latest.get(name) ?? 0) + 1000 + (notBefore % 5000);
        latest.set(name, at);
        const record = records[by] ?? assert.fail();
        record.merge(documents, nameOf);
        record.set(name, { namespace, notBefore: at, notAfter: at + day, certificate });
        write(record, documents);
      }
      for (const record of records) {
        record.merge(documents, nameOf);
        assert.deepEqual(record.takeChanges(), []);
        for (const [host, at] of latest) assert.equal(record.get(host)?.notBefore, at);
        assert.deepEqual(new Map(restored(documents).entries()), new Map(record.entries()));
      }
    });
    fc.assert(property, { numRuns: 200, seed: 20261130 });
  });

  it('forgets holders of expired certificates, and the oldest beyond the bound, unless their hosts are needed', () => {
    const record = new HolderRecord();
    record.set('needed.example.com', holder('shop', now - 1000 * day));
    record.set('fresh.example.com', holder('shop', now - 100 * day));
    record.set('expired.example.com', holder('shop', now - 121 * day));
    const isNeeded = (host: string): boolean => host === 'needed.example.com';
    assert.deepEqual(record.prune(isNeeded, now), ['expired.example.com']);
    assert.equal(record.size, 2);
    for (let index = 0; index < 100_000; index += 1) record.set(`${index}.example.com`, holder('mallory'));
    assert.deepEqual(record.prune(isNeeded, now), ['fresh.example.com']);
    assert.equal(record.size, 100_001);
    assert.deepEqual(record.prune(isNeeded, now), []);
  });
});

describe('a document of the record', () => {
  it('keeps every holder', () => {
    const property = fc.property(
      fc.uniqueArray(holders, { selector: ({ certificate }) => certificate }),
      (all) => {
        const entries = all.map(({ namespace, notBefore, certificate }, index): [string, Holder] => [
          `host${index}.example.com`,
          { namespace, notBefore, notAfter: notBefore + day, certificate },
        ]);
        const document = { documents: undefined, holders: new Map(entries) };
        assert.deepEqual(decodeHolders(encodeHolders(document)), { ...document, damaged: [] });
      },
    );
    fc.assert(property, { seed: 20261130 });
  });
});
