import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { NumberedDocuments } from '../../../src/kubernetes/records/numbered-documents.ts';
import { recordField } from '../../../src/process/json.ts';
import { startApiWorld } from '../api-world.ts';

const { signal } = new AbortController();

function isConflict(error: unknown): boolean {
  return error instanceof KubernetesError && error.code === 'Conflict';
}

test('numbered documents in ConfigMaps of a real API server', async (context) => {
  await using world = await startApiWorld();
  const { client, admin } = world;
  await world.createNamespace('documents');
  const path = '/api/v1/namespaces/documents/configmaps';
  const open = (kind: ConstructorParameters<typeof NumberedDocuments>[2]) =>
    new NumberedDocuments(client, 'documents', kind);

  await context.test('are created, replaced, read in pages, and kept apart by record', async () => {
    const holders = open('holders');
    assert.deepEqual(await holders.read(signal), new Map());
    const numbers = Array.from({ length: 103 }, (_, index) => index);
    for (const number of numbers) await holders.write(number, `first ${number}`, signal);
    await holders.write(7, 'second', signal);
    await open('orders').write(0, 'of the ledger', signal);
    const found = await open('holders').read(signal);
    assert.deepEqual(
      [...found.keys()].toSorted((one, other) => one - other),
      numbers,
    );
    assert.equal(found.get(7), 'second');
    assert.equal(found.get(102), 'first 102');
    assert.deepEqual(await open('orders').read(signal), new Map([[0, 'of the ledger']]));
  });

  await context.test('are written over nothing that another process has written', async () => {
    for (const [kind, prefix] of [
      ['holders', 'kube-lego-holders'],
      ['orders', 'kube-lego-ledger'],
    ] as const) {
      const [one, other] = [open(kind), open(kind)];
      await one.read(signal);
      await other.read(signal);
      await one.write(1, 'by one', signal);
      await assert.rejects(other.write(1, 'by the other', signal), isConflict);
      await one.write(200, 'by one', signal);
      await assert.rejects(other.write(200, 'by the other', signal), isConflict);
      await admin.expect(`${path}/${prefix}-1`, { method: 'DELETE' });
      await assert.rejects(one.write(1, 'after the deletion', signal), isConflict);
      await other.read(signal);
      await other.write(1, 'by the other', signal);
      assert.equal((await open(kind).read(signal)).get(1), 'by the other');
    }
  });

  await context.test('keep what others put on them, and get on when that is gone', async () => {
    const change = (name: string, metadata: object) =>
      admin.expect(`${path}/${name}`, {
        method: 'PATCH',
        contentType: 'application/merge-patch+json',
        body: { metadata },
      });
    const labelsOf = async (name: string) =>
      recordField(recordField(await admin.expect(`${path}/${name}`), 'metadata'), 'labels');
    for (const [kind, name] of [
      ['rehearsals', 'kube-lego-rehearsal-ledger-300'],
      ['holders', 'kube-lego-holders-300'],
    ] as const) {
      await open(kind).write(300, 'first', signal);
      await change(name, { labels: { team: 'a' } });
      const documents = open(kind);
      await documents.read(signal);
      await documents.write(300, 'second', signal);
      assert.equal((await labelsOf(name))?.['team'], 'a');
      await change(name, { labels: { team: null } });
      await documents.read(signal);
      await documents.write(300, 'third', signal);
      assert.equal((await documents.read(signal)).get(300), 'third');
      await documents.write(300, undefined, signal);
    }
  });

  await context.test('are deleted when they are empty, unless another process has written them', async () => {
    const [one, other] = [open('rehearsals'), open('rehearsals')];
    await one.write(0, 'by one', signal);
    await other.read(signal);
    await other.write(0, 'by the other', signal);
    await assert.rejects(one.write(0, undefined, signal), isConflict);
    assert.deepEqual(await one.read(signal), new Map([[0, 'by the other']]));
    await one.write(0, undefined, signal);
    await one.write(0, undefined, signal);
    assert.deepEqual(await one.read(signal), new Map());
  });
});
