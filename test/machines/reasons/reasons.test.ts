import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Occasion, occasions } from '../../../machines/reasons/event-reasons.ts';
import type { Reason } from '../../../machines/reasons/reason.ts';
import { reasons } from '../../../machines/reasons/reasons.ts';

const root = new URL('../../../', import.meta.url);

describe('the table of reasons', () => {
  for (const [code, { meaning, remedy }] of Object.entries<Reason>(reasons)) {
    it(`says of ${code} in whole sentences what it is and what to do`, () => {
      assert.match(code, /^[A-Z][A-Za-z]+$/);
      for (const sentence of [meaning, remedy])
        assert.match(sentence, /^[A-Z][^\n]+[.]$|^cert-manager .*\.$/);
    });
  }

  for (const [reason, { meaning, remedy = 'Nothing.' }] of Object.entries<Occasion>(occasions)) {
    it(`says of the Event ${reason} in whole sentences what it tells`, () => {
      for (const sentence of [meaning, remedy]) assert.match(sentence, /^[A-Z][^\n]+[.]$/);
    });
  }

  it('has a code in one of the tables that it is made of', () => {
    const tables = globSync('machines/reasons/*-reasons.ts', { cwd: root.pathname });
    const text = tables.map((file) => readFileSync(new URL(file, root), 'utf8')).join('\n');
    const codes = [...text.matchAll(/^ {2}([A-Z]\w+): \{$/gm)].map(([, code = '']) => code);
    assert.deepEqual(codes.toSorted(), [...Object.keys(reasons), ...Object.keys(occasions)].toSorted());
  });

  it('has an entry for whatever is raised, and none that nothing raises', () => {
    const tables = globSync('machines/reasons/*reasons.ts', { cwd: root.pathname });
    const sources = globSync(['machines/**/*.ts', 'src/**/*.ts'], { cwd: root.pathname })
      .filter((file) => !tables.includes(file))
      .map((file) => readFileSync(new URL(file, root), 'utf8'))
      .join('\n');
    const known = [...Object.keys(reasons), ...Object.keys(occasions)];
    const raised = sources.matchAll(/(?:\b(?:code|reason): |\b(?:failure|fromCa)\()'([A-Z]\w*[a-z]\w*)'/g);
    const codes = [...raised].map(([, code = '']) => code);
    assert.ok(codes.length > 20);
    assert.deepEqual(
      codes.filter((code) => !known.includes(code)),
      [],
    );
    assert.deepEqual(
      known.filter((code) => !sources.includes(`'${code}'`)),
      [],
    );
    // The compiler sees to the rest, unless it is told to look away.
    assert.doesNotMatch(sources, /\bas (?:ReasonCode|EventReason|Failure)\b/);
  });
});
