import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { oneLine, presentable } from '../../../machines/reasons/foreign-text.ts';
import { anyCharacter } from '../../process/any-character.ts';
import { cpuTime } from '../../time/cpu-time.ts';

/** Texts that a pattern which starts again within what it has passed over takes minutes for. */
const hostile: Readonly<Record<string, string>> = {
  'beginnings of tokens': '-eyJ'.repeat(65_536),
  'beginnings of links': 'https://'.repeat(32_768),
  'beginnings of keys': '-----BEGIN '.repeat(24_000),
  'keys without an end': '-----BEGIN PRIVATE KEY-----'.repeat(10_000),
  'halves of key authorizations': `${'a'.repeat(17)}.`.repeat(14_000),
  'one word': 'a'.repeat(262_144),
  'white space': ' \n'.repeat(131_072),
  'invisible characters': '\u{202e}'.repeat(262_144),
};

describe("somebody else's text", () => {
  it('is one line without anything that a terminal or a viewer of logs acts upon', () => {
    const text = 'a\u001B[2J\r\n2026-01-01 ERROR forged\u0085b\u2028c\u0007';
    assert.equal(oneLine(text, 100), 'a [2J 2026-01-01 ERROR forged b c');
  });

  it('shows what would change the order or the look of the rest', () => {
    const marks = '\u202A\u202E\u2066\u2069\u200E\u200F\u200B\u00AD';
    const shown = '\\u{202a}\\u{202e}\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{200b}\\u{ad}';
    assert.equal(oneLine(`x${marks}y`, 100), `x${shown}y`);
  });

  it('is cut, and never in the middle of a character', () => {
    assert.equal(oneLine('abcdef', 3), 'abc…');
    assert.equal(oneLine('ab😀', 3), 'ab\uFFFD…');
    assert.equal(oneLine('x'.repeat(1_000_000), 10), `${'x'.repeat(10)}…`);
  });

  it('stays as it is when it is treated again', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: anyCharacter, maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        (text, most) => {
          const once = presentable(text, most);
          assert.equal(presentable(once, most), once);
          assert.ok(once.length <= most + 1 && once.isWellFormed());
          assert.doesNotMatch(once, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
        },
      ),
      { numRuns: 500, seed: 20261130 },
    );
  });

  it('is shown without keys, tokens and capability links, also where it is cut', () => {
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ';
    const texts = [
      `-----BEGIN EC PRIVATE KEY-----\n${secret}\n-----END EC PRIVATE KEY-----`,
      `-----BEGIN PRIVATE KEY-----\n${secret}`,
      `Authorization: Bearer ${secret}`,
      `eyJhbGciOiJIUzI1NiJ9.${secret}.${secret}`,
      `https://ca.example/unpause?jwt=${secret}`,
      `http://a.example/.well-known/acme-challenge/${secret}`,
      `${secret}.${'t'.repeat(43)}`,
      `data: ${secret.repeat(8)}`,
    ];
    for (const text of texts) {
      for (const most of [text.length, text.indexOf(secret) + 10]) {
        assert.doesNotMatch(presentable(`before ${text} after`, most + 7), /c2Vj/, text);
      }
    }
    assert.match(presentable(texts[0] ?? '', 200), /^\(a private key\)$/);
  });

  for (const [name, text] of Object.entries(hostile)) {
    it(`costs little even if it is a quarter of a megabyte of ${name}`, () => {
      assert.ok(cpuTime(() => presentable(text, text.length)) < 1000);
      assert.ok(cpuTime(() => presentable(text, 400)) < 100);
    });
  }
});
