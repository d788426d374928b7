import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { generatedFiles } from '../../docs/generators/generated.ts';

describe('what is written from the code', () => {
  for (const [path, text] of generatedFiles()) {
    it(`is up to date (else: npm run docs): ${path}`, () => {
      assert.equal(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), text);
    });
  }
});
