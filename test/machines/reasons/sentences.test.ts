import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isReasonCode } from '../../../machines/ingress/status.ts';
import { describeFailure, type Failure, reasons } from '../../../machines/reasons/reasons.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import { statusMessage } from '../../../machines/reasons/status-text.ts';

const codes = Object.keys(reasons).filter(isReasonCode);

/** How the text of a policy, a webhook, a CA or an error may end. */
const endings: Readonly<Record<string, string>> = {
  'the label team is required': 'the label team is required.',
  'the label team is required.': 'the label team is required.',
  'is it required?': 'is it required?',
  'the rest is cut off…': 'the rest is cut off…',
  'it says "go away."': 'it says "go away."',
  'it says (see the manual.)': 'it says (see the manual.)',
  'it says "go away"': 'it says "go away".',
  'the errors are: ': 'the errors are.',
  'one, two, ': 'one, two.',
  '[deny] team -': '[deny] team.',
};

describe('two sentences', () => {
  for (const [text, ended] of Object.entries(endings)) {
    it(`are not run together after ${JSON.stringify(text)}`, () => {
      assert.equal(sentences(text, '', '  Do this. '), `${ended} Do this.`);
      for (const code of codes) {
        const failure: Failure = { code, message: `Secret a is refused: ${text}` };
        const expected = `Secret a is refused: ${ended} ${reasons[code].remedy}`;
        assert.equal(describeFailure(failure), expected);
        assert.equal(statusMessage(failure), expected);
        const own = { ...failure, namesRemedy: true } as const;
        assert.equal(describeFailure(own), `Secret a is refused: ${ended}`);
      }
    });
  }

  it('are what they are when they are treated again', () => {
    for (const text of Object.keys(endings)) assert.equal(sentences(sentences(text)), sentences(text));
  });
});

describe('a message', () => {
  it('is composed by `sentences` wherever another sentence follows a text', () => {
    const root = new URL('../../../', import.meta.url);
    const files = globSync(['machines/**/*.ts', 'src/**/*.ts'], { cwd: root.pathname });
    const followed =
      /\$\{[^}]*\b(?:message|words|detail|text|what|why)\b[^}]*\} (?:[A-Z]|\$\{(?!link\}))|\.join\(' '\)\}? [A-Z]/;
    const found = files.flatMap((file) =>
      readFileSync(new URL(file, root), 'utf8')
        .split('\n')
        .filter((line) => followed.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    assert.deepEqual(found, []);
  });
});
