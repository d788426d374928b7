import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Replacements } from '../../src/authority/replacements.ts';

test('after a failure of the CA one order goes without the certificate that it replaces', () => {
  const replacements = new Replacements();
  assert.equal(replacements.next('aki.serial'), 'aki.serial');
  replacements.failed('aki.serial');
  assert.equal(replacements.next('aki.other'), 'aki.other');
  assert.equal(replacements.next('aki.serial'), undefined);
  assert.equal(replacements.next('aki.serial'), 'aki.serial');
  assert.equal(replacements.next(undefined), undefined);
});
