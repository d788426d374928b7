import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { jobsOf, keyOf, pageOf, tableOf } from './kill-page.ts';
import type { Step } from './kill-steps.ts';

const read: Step = { server: 'API server', name: 'secret-read', writes: false };
const order: Step = { server: 'CA', name: 'new-order', writes: true };

describe('the page of points', () => {
  it('is read as it was written, so that a run goes on where another one has ended', () => {
    const steps = new Map([
      ['issuance' as const, [read, order, read]],
      ['renewal' as const, [order]],
    ]);
    const cells = new Map([
      ['issuance/secret-read/2/lost', '1, 7.5 s'],
      ['issuance/new-order/1/late', '**2, 9.0 s: 2 orders instead of 1**'],
      ['renewal/new-order/1/after --reuse', 'not made'],
    ]);
    const table = tableOf(pageOf({ steps, cells }));
    assert.deepEqual(table, { steps, cells });
    assert.deepEqual(jobsOf(table.steps).map(keyOf), [
      ...['1/before', '1/lost', '1/after'].map((rest) => `issuance/secret-read/${rest}`),
      ...['before', 'lost', 'after', 'late'].flatMap((moment) => [
        `issuance/new-order/1/${moment}`,
        `issuance/new-order/1/${moment} --reuse`,
      ]),
      ...['2/before', '2/lost', '2/after'].map((rest) => `issuance/secret-read/${rest}`),
      ...['before', 'lost', 'after', 'late'].flatMap((moment) => [
        `renewal/new-order/1/${moment}`,
        `renewal/new-order/1/${moment} --reuse`,
      ]),
    ]);
  });

  it('of the docs is in this form', async () => {
    const text = await readFile(new URL('../../docs/kill-points.md', import.meta.url), 'utf8');
    assert.equal(pageOf(tableOf(text)), text);
  });
});
