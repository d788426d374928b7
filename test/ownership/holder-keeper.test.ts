import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Holder, HostProof } from '../../machines/ownership/holders/holders.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { HolderKeeper } from '../../src/ownership/holder-keeper.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { SharedDocuments } from './shared-documents.ts';

const day = 24 * 60 * 60_000;
const start = Date.UTC(2026, 10, 20);

function proof(namespace: string, hosts: readonly string[], notBefore = start): HostProof {
  return { namespace, hosts, notBefore, notAfter: notBefore + 90 * day, certificate: 'abcdefghijklmnop' };
}

function open(documents: SharedDocuments, clock = new ManualClock(start)) {
  const told = new Map<string, Holder>();
  const troubles: unknown[] = [];
  const ending = new AbortController();
  const keeper = new HolderKeeper({
    store: documents.open(),
    clock,
    signal: ending.signal,
    onHolder: (hosts, holder) => {
      for (const host of hosts) told.set(host, holder);
    },
    onTrouble: (trouble) => troubles.push(trouble),
  });
  return { keeper, told, troubles, clock, ending, signal: ending.signal };
}

/** Who a process that starts now believes to hold the hosts. */
async function heldIn(documents: SharedDocuments): Promise<Record<string, string>> {
  const holders = await open(documents).keeper.restore();
  return Object.fromEntries([...holders].map(([host, { namespace }]) => [host, namespace]));
}

describe('the keeper of the record of holders', () => {
  it('tells a holder at once, writes it within seconds, and the next process knows it', async () => {
    const documents = new SharedDocuments();
    const { keeper, told, clock } = open(documents);
    await keeper.restore();
    keeper.record(proof('shop', ['www.example.com', 'example.com']));
    assert.equal(told.get('example.com')?.namespace, 'shop');
    let isRecorded = false;
    const recorded = keeper.recorded().then(() => {
      isRecorded = true;
    });
    clock.advance(2999);
    await setImmediate();
    assert.deepEqual([documents.writes, isRecorded], [0, false]);
    clock.advance(1);
    await recorded;
    assert.deepEqual(await heldIn(documents), { 'www.example.com': 'shop', 'example.com': 'shop' });
  });

  it('writes what comes within seconds together', async () => {
    const documents = new SharedDocuments();
    const { keeper, clock } = open(documents);
    await keeper.restore();
    for (let index = 0; index < 100; index += 1) {
      keeper.record(proof('shop', [`www${index}.example.com`]));
      clock.advance(20);
    }
    const first = keeper.recorded();
    clock.advance(1000);
    await first;
    keeper.record(proof('shop', ['later.example.com']));
    const later = keeper.recorded();
    clock.advance(3000);
    await later;
    assert.equal(documents.writes, 2);
    assert.equal(Object.keys(await heldIn(documents)).length, 101);
  });

  it('says late that it is recorded while that cannot be written, and writes at once at its end', async () => {
    const documents = new SharedDocuments();
    const { keeper, clock, signal } = open(documents);
    await keeper.restore();
    documents.refusal = new KubernetesError('Unreachable', 'away');
    keeper.record(proof('shop', ['www.example.com']));
    let isRecorded = false;
    const recorded = keeper.recorded().then(() => {
      isRecorded = true;
    });
    clock.advance(3000);
    await setImmediate();
    assert.deepEqual([documents.writes, isRecorded], [1, false]);
    documents.refusal = undefined;
    clock.advance(500);
    await recorded;
    keeper.record(proof('shop', ['later.example.com']));
    const later = keeper.recorded();
    await setImmediate();
    clock.advance(400);
    await keeper.drain(signal);
    await later;
    assert.deepEqual(await heldIn(documents), { 'www.example.com': 'shop', 'later.example.com': 'shop' });
  });

  it('takes over what an earlier process has stored and not recorded, but not over a newer holder', async () => {
    const documents = new SharedDocuments();
    const { keeper, told, clock, signal } = open(documents);
    keeper.record(proof('blog', ['newer.example.com'], start));
    await keeper.flush(signal);
    const next = open(documents, clock);
    await next.keeper.restore();
    next.keeper.recover(proof('blog', ['newer.example.com'], start));
    assert.equal(next.told.size, 0, 'it is recorded');
    next.keeper.recover(proof('shop', ['www.example.com', 'newer.example.com'], start - 1000));
    assert.deepEqual([...next.told.keys()], ['www.example.com']);
    const recorded = next.keeper.recorded();
    clock.advance(3000);
    await recorded;
    assert.equal(told.size, 1);
    assert.deepEqual(await heldIn(documents), { 'www.example.com': 'shop', 'newer.example.com': 'blog' });
  });

  it('lets whoever waits go at once when the round ends, and writes all the same', async () => {
    const documents = new SharedDocuments();
    const { keeper } = open(documents);
    await keeper.restore();
    const { promise, resolve } = Promise.withResolvers<void>();
    documents.delay = promise;
    const round = new AbortController();
    keeper.record(proof('shop', ['www.example.com']));
    const waiting = keeper.flush(round.signal);
    round.abort(new Error('the Ingress has changed'));
    await assert.rejects(waiting, /the Ingress has changed/);
    resolve();
    await setImmediate();
    assert.deepEqual(await heldIn(documents), { 'www.example.com': 'shop' });
  });

  it('keeps what could not be written for the next try, and says beforehand that it cannot write', async () => {
    const documents = new SharedDocuments();
    const { keeper, told, clock, signal } = open(documents);
    await keeper.restore();
    await keeper.proveWritable(signal);
    documents.refusal = new KubernetesError('Forbidden', 'no');
    keeper.record(proof('shop', ['www.example.com']));
    await assert.rejects(keeper.flush(signal), /no/);
    clock.advance(400);
    await assert.rejects(keeper.proveWritable(signal), /no/);
    documents.refusal = undefined;
    clock.advance(400);
    await keeper.proveWritable(signal);
    assert.equal(told.size, 1);
    assert.deepEqual(await heldIn(documents), { 'www.example.com': 'shop' });
  });

  it('waits until the record can be read', async () => {
    const documents = new SharedDocuments();
    documents.refusal = new KubernetesError('Unreachable', 'away');
    const { keeper, troubles, clock } = open(documents);
    const restored = keeper.restore();
    await setImmediate();
    assert.equal(troubles.length, 1);
    assert.equal(keeper.size, undefined);
    documents.refusal = undefined;
    clock.advance(500);
    await restored;
  });

  it('believes nothing while a whole document is unreadable, and goes on when it is repaired or deleted', async () => {
    const documents = new SharedDocuments();
    documents.put(0, '{');
    const { keeper, troubles, clock } = open(documents);
    const restored = keeper.restore();
    await setImmediate();
    assert.match(String(troubles[0]), /ConfigMap kube-lego\/kube-lego-holders-0 is not JSON\..*delete it/);
    documents.put(0, undefined);
    clock.advance(500);
    await restored;
    assert.equal(keeper.importing, true);
  });

  it('merges what another process has written meanwhile, and tells it', async () => {
    const documents = new SharedDocuments();
    const [one, other] = [open(documents), open(documents)];
    await one.keeper.restore();
    await other.keeper.restore();
    one.keeper.record(proof('shop', ['www.example.com', 'both.example.com'], start));
    await one.keeper.flush(one.signal);
    other.keeper.record(proof('blog', ['blog.example.com', 'both.example.com'], start + 1000));
    await other.keeper.flush(other.signal);
    assert.deepEqual(await heldIn(documents), {
      'www.example.com': 'shop',
      'both.example.com': 'blog',
      'blog.example.com': 'blog',
    });
    assert.deepEqual([...other.told.keys()].toSorted(), [
      'blog.example.com',
      'both.example.com',
      'www.example.com',
    ]);
    assert.equal(other.told.get('both.example.com')?.namespace, 'blog');
    // The earlier process has the older certificate of this host, and learns of the later one.
    one.keeper.record(proof('shop', ['shop.example.com'], start));
    one.clock.advance(400);
    await one.keeper.flush(one.signal);
    assert.equal(one.told.get('both.example.com')?.namespace, 'blog');
    assert.equal((await heldIn(documents))['both.example.com'], 'blog');
  });

  it('writes the whole record again when an operator has deleted it', async () => {
    const documents = new SharedDocuments();
    const { keeper, clock, signal } = open(documents);
    await keeper.restore();
    keeper.completeImport();
    keeper.record(proof('shop', ['www.example.com']));
    await keeper.flush(signal);
    documents.put(0, undefined);
    keeper.record(proof('blog', ['blog.example.com']));
    clock.advance(400);
    await keeper.flush(signal);
    const next = open(documents).keeper;
    assert.equal((await next.restore()).size, 2);
    assert.equal(next.importing, false);
  });

  it('gives up after some conflicts in a row', async () => {
    const documents = new SharedDocuments();
    const { keeper, signal } = open(documents);
    await keeper.restore();
    documents.beforeWrite = () => documents.put(0, '{"version":1,"holders":{}}');
    keeper.record(proof('shop', ['www.example.com']));
    await assert.rejects(keeper.flush(signal), /changed by another client again and again/);
    assert.equal(documents.writes, 5);
  });

  it('takes in the certificates of before the record, but not over a newer holder, and is complete then', async () => {
    const documents = new SharedDocuments();
    const { keeper, told, clock, signal } = open(documents);
    await keeper.restore();
    keeper.record(proof('blog', ['blog.example.com']));
    await keeper.flush(signal);
    for (let index = 0; index < 1000; index += 1) keeper.find(proof('shop', [`www${index}.example.com`]));
    keeper.find(proof('shop', ['blog.example.com']));
    assert.equal(told.get('www0.example.com')?.namespace, 'shop');
    assert.equal(documents.writes, 1, 'nothing is urgent');
    clock.advance(400);
    keeper.completeImport();
    for (let turns = 0; turns < 20; turns += 1) await setImmediate();
    assert.equal(documents.writes, 6, 'in five documents');
    assert.equal(documents.texts.size, 5);
    assert.equal(told.size, 1001);
    assert.equal(told.get('blog.example.com')?.namespace, 'blog');
    const next = open(documents).keeper;
    await next.restore();
    assert.deepEqual([next.importing, next.size], [false, 1001]);
  });

  it('forgets daily what nobody needs', async () => {
    const documents = new SharedDocuments();
    const { keeper, clock, signal, ending } = open(documents);
    await keeper.restore();
    keeper.record(proof('shop', ['www.example.com', 'old.example.com']));
    await keeper.flush(signal);
    const forgotten: string[] = [];
    const tending = keeper.tend(
      (host) => host === 'www.example.com',
      (hosts) => forgotten.push(...hosts),
    );
    for (let days = 0; days < 122; days += 1) {
      clock.advance(day);
      await setImmediate();
    }
    assert.deepEqual(forgotten, ['old.example.com']);
    assert.equal(keeper.size, 1);
    ending.abort();
    await tending;
  });
});
