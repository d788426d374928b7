import * as fc from 'fast-check';
import { anyCharacter } from '../../process/any-character.ts';

/** What no writer writes: the ends of ranges, names of inherited properties, times and text that readers stumble over. */
const oddTexts = [
  '',
  ' ',
  '\0',
  '\u202e\u200b\u001b[31m\r\n',
  '\ud800',
  '__proto__',
  'constructor',
  'toString',
  'null',
  '-1',
  '1e999',
  '../../..',
  '//evil.example',
  'http://[',
  'javascript:alert(1)',
  '<script>alert(1)</script>',
  '2026-13-45T99:99:99Z',
  '-271821-04-20T00:00:00.000Z',
  '+275760-09-13T00:00:00.000Z',
  '9999-12-31T23:59:59Z',
  'a'.repeat(300),
  'a,'.repeat(50_000),
  '😀'.repeat(5000),
  '-----BEGIN CERTIFICATE-----\n',
  '-----END CERTIFICATE-----\n',
  '-----BEGIN PRIVATE KEY-----\n',
  '*.*.example.com',
  'xn--',
];
const oddNumbers = [
  -1,
  -0,
  0.5,
  1e308,
  -1e308,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  8.64e12,
  8.64e12 + 1,
  8.64e15,
  8.64e15 + 1,
];

const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], ...oddTexts, ...oddNumbers),
  fc.string({ unit: anyCharacter, maxLength: 20 }),
  fc.integer(),
  fc.jsonValue({ maxDepth: 2 }),
);

const acts = ['replace', 'remove', 'rename', 'wrap', 'copy', 'repeat', 'edit'] as const;

interface Edit {
  /** Counted through all fields and elements, modulo their number. */
  readonly at: number;
  readonly act: (typeof acts)[number];
  readonly value: unknown;
  readonly count: number;
}

const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({
    at: fc.nat(100_000),
    act: fc.constantFrom(...acts),
    value: oddValues,
    count: fc.integer({ min: 0, max: 2000 }),
  }),
  { minLength: 0, maxLength: 4 },
);

/** Real values, some of whose fields or elements are replaced, removed, renamed, nested, copied to elsewhere or repeated. */
export function damagedValues(values: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc
    .tuple(fc.constantFrom(...values), edits)
    .map(([value, changes]): unknown =>
      JSON.parse(JSON.stringify(changes.reduce(edited, structuredClone(value))) ?? 'null'),
    );
}

/** The texts of such values as JSON, and then some characters of the texts changed. */
export function damagedJson(values: readonly unknown[]): fc.Arbitrary<string> {
  return fc
    .tuple(damagedValues(values), textEdits)
    .map(([value, changes]) => changes.reduce(editedText, JSON.stringify(value) ?? ''));
}

/** Texts of which some characters are removed, changed or added. */
export function damagedTexts(texts: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...texts), textEdits)
    .map(([text, changes]) => changes.reduce(editedText, text));
}

interface TextEdit {
  /** From the beginning to the end. */
  readonly at: number;
  readonly removed: number;
  readonly text: string;
}

const textEdits: fc.Arbitrary<readonly TextEdit[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        removed: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.nat(100_000)),
        text: fc.oneof(
          fc.constantFrom(
            ...oddTexts,
            '['.repeat(50_000),
            '{"a":'.repeat(5000),
            '"',
            '{',
            '}',
            ',',
            '\\',
            '\ufeff',
          ),
          fc.string({ unit: anyCharacter, maxLength: 6 }),
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  },
);

function editedText(text: string, { at, removed, text: added }: TextEdit): string {
  const from = Math.floor(at * text.length);
  return text.slice(0, from) + added + text.slice(from + removed);
}

type Place = { readonly holder: object; readonly key: string };

/** All fields and elements within the value. */
function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder: object = value;
  return Object.entries(value).flatMap(([key, inner]) => [{ holder, key }, ...placesIn(inner)]);
}

function edited(root: unknown, { at, act, value, count }: Edit): unknown {
  const places = placesIn(root);
  const place = places[at % places.length];
  if (place === undefined) return value;
  const { holder, key } = place;
  const present = valueAt(place);
  switch (act) {
    case 'replace':
      put(holder, key, value);
      break;
    case 'remove':
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
      break;
    case 'rename':
      if (Array.isArray(holder)) break;
      Reflect.deleteProperty(holder, key);
      put(holder, typeof value === 'string' ? value : `${key}x`, present);
      break;
    case 'wrap':
      put(holder, key, count % 2 === 0 ? [present] : { [key]: present });
      break;
    case 'copy':
      put(holder, key, structuredClone(valueAt(places[count % places.length])));
      break;
    case 'repeat':
      if (Array.isArray(present)) put(holder, key, repeated(present, count));
      else if (typeof present === 'string') put(holder, key, present.repeat(Math.min(count, 200)));
      break;
    case 'edit':
      if (typeof present === 'string') {
        const added = typeof value === 'string' ? value : '';
        put(holder, key, editedText(present, { at: (count % 101) / 100, removed: count % 3, text: added }));
      } else if (typeof present === 'number') put(holder, key, present * (count - 1000));
  }
  return root;
}

function valueAt(place: Place | undefined): unknown {
  return place && Reflect.getOwnPropertyDescriptor(place.holder, place.key)?.value;
}

function repeated(items: readonly unknown[], count: number): unknown[] {
  return Array.from(
    { length: Math.min(count, items.length * 500) },
    (_, index) => items[index % items.length],
  );
}

/** Also a field named `__proto__`. */
function put(holder: object, key: string, value: unknown): void {
  if (Array.isArray(holder) && key === 'length') return;
  Object.defineProperty(holder, key, { value, configurable: true, enumerable: true, writable: true });
}
