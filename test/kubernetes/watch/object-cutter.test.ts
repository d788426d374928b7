import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type Cut, ObjectCutter } from '../../../src/kubernetes/watch/object-cutter.ts';
import { isRecord, recordField } from '../../../src/process/json.ts';
import { anyCharacter } from '../../process/any-character.ts';

const without: ReadonlySet<string> = new Set(['managedFields']);

/** Feeds the text in pieces that end at these places. */
function cut(text: string, objects: Cut['objects'], ends: readonly number[] = []) {
  const bytes = Buffer.from(text);
  const cutter = new ObjectCutter({ objects, without });
  const places = [...ends.map((end) => end % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  const texts = places.flatMap((end, index) => cutter.feed(bytes.subarray(places[index - 1] ?? 0, end)));
  return { objects: texts.map((object): unknown => JSON.parse(object.toString())), cutter };
}

const keys = fc.constantFrom('metadata', 'managedFields', 'items', 'object', 'name', 'a"b', 'c\\');
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: anyCharacter, maxLength: 8 }),
    fc.constantFrom('}', '[{', '"', '\\', '",', 'managedFields'),
    fc.integer(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('record'),
  ),
  record: fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
}));
const pieces = fc.array(fc.nat(400), { maxLength: 8 });

describe('a list that is cut into its objects', () => {
  it('yields them as they are, but for what is left out, wherever the pieces end', () => {
    fc.assert(
      fc.property(
        fc.array(json.record, { maxLength: 4 }),
        json.record,
        pieces,
        fc.boolean(),
        (items, around, ends, pretty) => {
          const { items: _, ...rest } = { ...around };
          const list = { ...rest, items, metadata: { continue: 'c' } };
          const { objects, cutter } = cut(JSON.stringify(list, undefined, pretty ? 2 : 0), 'items', ends);
          assert.deepEqual(objects, plain(items).map(pruned));
          assert.deepEqual(JSON.parse(cutter.frame()), plain({ ...list, items: [] }));
        },
      ),
      { numRuns: 500, seed: 20261130 },
    );
  });

  it('may hold no objects, or null', () => {
    for (const items of ['[]', 'null', '[ ]']) {
      const { objects, cutter } = cut(`{"items":${items},"metadata":{}}`, 'items');
      assert.deepEqual(objects, []);
      assert.ok('items' in JSON.parse(cutter.frame()));
    }
  });

  it('yields what is complete before the rest has arrived', () => {
    const { objects } = cut('{"kind":"List","items":[{"a":1},{"b":{"c":[2]}},{"d":', 'items');
    assert.deepEqual(objects, [{ a: 1 }, { b: { c: [2] } }]);
  });

  for (const text of ['{"items":[1]}', '{"items":["a"]}', '{"items":[:]}', '}', ']]', '{"items":[{}x]}']) {
    it(`refuses ${text}`, () => {
      assert.throws(() => cut(text, 'items'), { code: 'InvalidResponse' });
    });
  }

  it('refuses an object, or a frame, of any length', () => {
    const long = 'x'.repeat(1024 * 1024);
    const feed = (beginning: string): void => {
      const cutter = new ObjectCutter({ objects: 'items', without });
      cutter.feed(Buffer.from(beginning));
      for (let count = 0; count < 17; count += 1) cutter.feed(Buffer.from(long));
    };
    assert.throws(() => feed('{"items":[{"a":"'), /An object is longer than 16777216 bytes/);
    assert.throws(() => feed('{"a":"'), /A list without its objects is longer than 1048576 bytes/);
    assert.doesNotThrow(() => feed('{"items":[{"metadata":{"managedFields":["'));
  });
});

describe('a watch that is cut into its events', () => {
  it('yields them as they are, but for what is left out of their objects, wherever the pieces end', () => {
    fc.assert(
      fc.property(fc.array(json.record, { maxLength: 4 }), pieces, (objects, ends) => {
        const events = objects.map((object) => ({ type: 'ADDED', object }));
        const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
        assert.deepEqual(
          cut(text, 'lines', ends).objects,
          plain(events).map(({ type, object }) => ({ type, object: pruned(object) })),
        );
      }),
      { numRuns: 500, seed: 20261130 },
    );
  });

  for (const text of ['<html>', '"a"', ',', 'null', '{"a":\n1}', '{}{}}']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => cut(text, 'lines'), { code: 'InvalidResponse' });
    });
  }
});

/** As it is after a round trip as JSON. */
function plain<T>(value: T): T {
  const text = JSON.stringify(value);
  const parsed: T = JSON.parse(text);
  return parsed;
}

function pruned(object: unknown): unknown {
  const metadata = recordField(object, 'metadata');
  if (metadata === undefined || !('managedFields' in metadata) || !isRecord(object)) return object;
  return { ...object, metadata: { ...metadata, managedFields: null } };
}
