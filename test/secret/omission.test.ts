import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readOmission, writeOmission } from '../../src/secret/omission.ts';
import { now } from '../machines/builders.ts';

it('what a certificate leaves out is read as it was written, and nothing is made of other texts', () => {
  const omission = { at: now, hosts: ['a.example.com', 'b.example.com'] };
  assert.deepEqual(readOmission(writeOmission(omission)), omission);
  assert.deepEqual(readOmission('{"at":"2026-11-24T12:00:00Z","hosts":["a",1]}')?.hosts, ['a']);
  for (const text of [undefined, '', '[]', '{', 'null', '{"at":"soon","hosts":["a"]}', '{"hosts":["a"]}']) {
    assert.equal(readOmission(text), undefined);
  }
});
