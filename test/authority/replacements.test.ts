import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Replacements } from '../../src/authority/replacements.ts';

test('after a failure of the CA one order goes without the certificate that it replaces', () => {
  const replacements = new Replacements();
  assert.equal(replacements.maySay('aki.serial'), true);
  replacements.failed('aki.serial');
  assert.equal(replacements.maySay('aki.other'), true);
  assert.equal(replacements.maySay('aki.serial'), false);
  assert.equal(replacements.maySay('aki.serial'), false, 'the one before was not sent');
  replacements.sent('aki.serial');
  assert.equal(replacements.maySay('aki.serial'), true);
});
