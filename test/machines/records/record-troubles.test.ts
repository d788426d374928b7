import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeFailure } from '../../../machines/reasons/reasons.ts';
import {
  describeTrouble,
  type RecordTrouble,
  RecordTroubles,
  troubleLine,
} from '../../../machines/records/record-troubles.ts';

const journal = { record: 'journal', operation: 'write', object: 'Secret s' } as const;
const denied = { ...journal, cause: 'denied', message: 'Secret s is denied', remedy: 'Allow it' } as const;

function watched() {
  const told: (readonly RecordTrouble[])[] = [];
  return { told, troubles: new RecordTroubles((troubles) => told.push(troubles)) };
}

describe('the list of records that cannot be read or written', () => {
  it('has each from its first failure until the same operation succeeds', () => {
    const { told, troubles } = watched();
    troubles.failed(denied, 1000);
    troubles.failed({ ...denied, message: 'in other words' }, 2000);
    troubles.succeeded({ ...journal, operation: 'read' });
    troubles.succeeded({ ...journal, record: 'holders' });
    assert.deepEqual(troubles.current, [{ ...denied, since: 1000 }]);
    troubles.succeeded(journal);
    assert.deepEqual(told, [[{ ...denied, since: 1000 }], []], 'each change is told once');
  });

  it('does not take a document that can be written for one that cannot', () => {
    const { told, troubles } = watched();
    troubles.failed(denied, 1000);
    for (const object of ['Secret r', 'Secret t']) troubles.succeeded({ ...journal, object });
    troubles.failed(denied, 2000);
    assert.deepEqual(told, [[{ ...denied, since: 1000 }]]);
  });

  it('keeps the time of one that gets another cause', () => {
    const { told, troubles } = watched();
    troubles.failed({ ...denied, cause: 'unreachable' }, 1000);
    troubles.failed(denied, 2000);
    assert.deepEqual(told.at(-1), [{ ...denied, since: 1000 }]);
  });

  it('is put in words for an Ingress and for a probe', () => {
    const trouble = { ...denied, since: 0 };
    assert.equal(describeFailure(describeTrouble(trouble)), 'Secret s is denied. Allow it.');
    assert.equal(troubleLine(trouble), 'since 1970-01-01T00:00:00.000Z: Secret s is denied.');
  });
});
