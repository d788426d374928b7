import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explanationText } from '../../src/commands/explain/explanation.ts';
import { statusTable } from '../../src/commands/status/status-table.ts';
import { jsonText } from '../../src/commands/terminal-text.ts';

const evil = 'a\u001B]0;owned\u0007\u001B[2J\r\nINGRESS forged\u202Eb\u2066\u009Bc\u{E0001}';
const unsafe = /\p{Cf}|(?!\n)\p{Cc}|[\u2028\u2029]/u;

describe('what the commands print', () => {
  it('is a table whose lines and columns nobody else can make', () => {
    const row = {
      ingress: evil,
      secret: evil,
      state: 'failed',
      hosts: [evil],
      reason: evil,
      message: evil,
    } as const;
    const table = statusTable([row], 0);
    assert.doesNotMatch(table, unsafe);
    assert.equal(table.split('\n').length, 3);
  });

  it('is an explanation whose lines nobody else can make', () => {
    const check = { about: 'CA', result: 'problem', text: evil, remedy: evil } as const;
    const text = explanationText({
      ingress: 'a/b',
      verdict: 'failing',
      why: evil,
      next: evil,
      remedy: evil,
      checks: [check],
    });
    assert.doesNotMatch(text, unsafe);
    assert.equal(text.split('\n').length, 7);
  });

  it('is JSON that means the same and that a terminal shows as it is', () => {
    const text = jsonText({ [evil]: evil });
    assert.doesNotMatch(text, unsafe);
    assert.deepEqual(JSON.parse(text), { [evil]: evil });
  });
});
