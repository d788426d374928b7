import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { troubleshootingGuide } from '../../docs/troubleshooting.ts';
import { type Reason, reasons } from '../../machines/reasons.ts';

describe('the table of reasons', () => {
  it('is what docs/troubleshooting.md says (else run: node test/config/write-reference.ts)', () => {
    const file = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
    assert.equal(file, troubleshootingGuide());
  });

  for (const [code, { meaning, remedy }] of Object.entries<Reason>(reasons)) {
    it(`says of ${code} in whole sentences what it is and what to do`, () => {
      assert.match(code, /^[A-Z][A-Za-z]+$/);
      for (const sentence of [meaning, remedy])
        assert.match(sentence, /^[A-Z][^\n]+[.]$|^cert-manager .*\.$/);
    });
  }
});
