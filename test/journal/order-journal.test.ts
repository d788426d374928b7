import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { StepError } from '../../machines/reasons/step-error.ts';
import { generateKey, isPrivateKey } from '../../src/certificate/key.ts';
import { type Beginning, OrderJournal } from '../../src/journal/order-journal.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { SharedJournal } from './shared-journal.ts';

const start = Date.UTC(2026, 10, 20);
const keyPem = await generateKey('ec-p256');
const orderUrl = 'https://ca.example/order/1';

function wanted(host: string, rest: Partial<Beginning> = {}): Beginning {
  return {
    directoryUrl: 'https://ca.example/directory',
    profile: undefined,
    hosts: [host],
    keyPem,
    keyType: 'ec-p256',
    namespace: 'shop',
    secretName: `${host}-tls`,
    exemption: 'none',
    ...rest,
  };
}

function open(shared: SharedJournal, clock = new ManualClock(start)) {
  const troubles: unknown[] = [];
  const letGo: string[] = [];
  const unwanted = new Set<string>();
  const ending = new AbortController();
  const ended: string[] = [];
  const time = { isKnown: true };
  const records: { written: Promise<void> } = { written: Promise.resolve() };
  const journal = new OrderJournal({
    onEnded: ({ hosts }) => ended.push(hosts.join()),
    recorded: () => records.written,
    store: shared.open(),
    isPrivateKey,
    isWanted: ({ secretName }) => !unwanted.has(secretName),
    isTimeKnown: () => time.isKnown,
    clock,
    signal: ending.signal,
    onTrouble: (trouble) => troubles.push(trouble),
    onLetGo: (entry, why) => letGo.push(`${entry.hosts.join()}: ${why}`),
  });
  return { journal, troubles, letGo, ended, records, time, unwanted, clock, ending, signal: ending.signal };
}

async function opened(shared: SharedJournal, clock?: ManualClock) {
  const process = open(shared, clock);
  await process.journal.restore();
  return process;
}

describe('the order journal', () => {
  it('has an order written before it is asked for, and the next process finds it with key and URL', async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal } = await opened(shared);
    const entry = await journal.begin(wanted('a.example.com'), signal);
    assert.equal((await opened(shared)).journal.find(entry)?.orderUrl, undefined);
    const placed = journal.place(entry, orderUrl, signal);
    await setImmediate();
    clock.advance(150);
    await placed;
    const found = (await opened(shared)).journal.find(entry);
    assert.deepEqual(found, { ...entry, orderUrl });
  });

  it('forgets what the CA has asked to wait when a person asks for a look at the hosts of an order', async () => {
    const { journal, clock, signal } = await opened(new SharedJournal());
    const begun = Promise.all(
      [['a.example.com'], ['a.example.com', 'b.example.com']].map((hosts) =>
        journal.begin(wanted('a.example.com', { hosts }), signal),
      ),
    );
    await setImmediate();
    clock.advance(150);
    const orders = await begun;
    for (const order of orders) journal.defer(order, start + 3_600_000, 3_600_000);
    journal.lookAtOnce(['a.example.com']);
    assert.deepEqual(
      orders.map((order) => journal.find(order)?.waitUntil),
      [undefined, start + 3_600_000],
    );
  });

  it("writes how long the CA has asked to wait, however far this machine's clock is ahead of the CA's", async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal } = await opened(shared);
    const begun = journal.begin(wanted('a.example.com'), signal);
    await setImmediate();
    clock.advance(150);
    const entry = await begun;
    const waitUntil = clock.now() - 2 * 3_600_000;
    journal.defer(entry, waitUntil, 60_000);
    await journal.flush(signal);
    assert.equal((await opened(shared)).journal.find(entry)?.waitUntil, waitUntil);
  });

  it('shares one write among all orders of a moment', async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal } = await opened(shared);
    const first = journal.begin(wanted('first.example.com'), signal);
    await first;
    const others = Array.from({ length: 50 }, (_, index) =>
      journal.begin(wanted(`h${index}.example.com`), signal),
    );
    await setImmediate();
    clock.advance(150);
    await Promise.all(others);
    assert.ok(shared.writes <= 3, `${shared.writes} writes`);
    assert.equal(shared.entries.size, 51);
  });

  it('forgets an order that has ended, without a write of its own in a rush', async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal } = await opened(shared);
    const entry = await journal.begin(wanted('a.example.com'), signal);
    journal.end(entry);
    assert.equal(journal.find(entry), undefined);
    clock.advance(1000);
    await journal.begin(wanted('b.example.com'), signal);
    assert.deepEqual([shared.writes, shared.entries.size], [2, 1]);
    clock.advance(20_000);
    await setImmediate();
    assert.equal(shared.writes, 2);
  });

  it('writes what has ended soon, although nothing else is to be written, and tries again', async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal, troubles } = await opened(shared);
    journal.end(await journal.begin(wanted('a.example.com'), signal));
    shared.refusal = new KubernetesError('Unreachable', 'away');
    await setImmediate();
    clock.advance(20_000);
    await setImmediate();
    assert.equal(troubles.length, 1);
    shared.refusal = undefined;
    clock.advance(30_000);
    await setImmediate();
    clock.advance(150);
    await setImmediate();
    assert.equal(shared.entries.size, 0);
  });

  it('lets only one of two processes order the same, and both order others', async () => {
    const shared = new SharedJournal();
    const one = await opened(shared);
    const other = await opened(shared);
    const entry = await one.journal.begin(wanted('a.example.com'), one.signal);
    const second = other.journal.begin(wanted('a.example.com'), other.signal);
    await assert.rejects(second, ({ failure }: StepError) => failure.code === 'OrderedElsewhere');
    assert.deepEqual(other.journal.find(entry), entry);
    other.clock.advance(150);
    await other.journal.begin(wanted('b.example.com'), other.signal);
    assert.equal(shared.entries.size, 2);
  });

  it('has an order that has ended in the store until the ledger counts it, and its certificate is recorded', async () => {
    const shared = new SharedJournal();
    const { journal, clock, ended, records, signal } = await opened(shared);
    const { promise, resolve } = Promise.withResolvers<void>();
    records.written = promise;
    const entry = await journal.begin(wanted('a.example.com'), signal);
    journal.end(entry);
    assert.deepEqual(ended, ['a.example.com']);
    assert.equal(journal.find(entry), undefined);
    clock.advance(1000);
    await journal.begin(wanted('b.example.com'), signal);
    assert.ok(shared.entries.has(entry.id));
    resolve();
    await setImmediate();
    clock.advance(1000);
    await journal.begin(wanted('c.example.com'), signal);
    assert.ok(!shared.entries.has(entry.id), 'the next write takes it out');
  });

  it('keeps by which exemption an order is counted', async () => {
    const shared = new SharedJournal();
    const { journal, signal } = await opened(shared);
    await journal.begin(wanted('a.example.com', { exemption: 'ari' }), signal);
    const [found] = (await opened(shared)).journal.entries;
    assert.equal(found?.exemption, 'ari');
  });

  it('does not order what it could not write', async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal } = await opened(shared);
    shared.refusal = new KubernetesError('Forbidden', 'no');
    await assert.rejects(journal.begin(wanted('a.example.com'), signal), /no/);
    assert.equal(journal.size, 0);
    shared.refusal = undefined;
    const { writes } = shared;
    await setImmediate();
    clock.advance(500);
    await setImmediate();
    assert.equal(shared.writes, writes + 1, 'tries by itself whether it can be written again');
  });

  it('knows what it has written although the reply was lost', async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal } = await opened(shared);
    const entry = await journal.begin(wanted('a.example.com'), signal);
    shared.replyLost = new KubernetesError('Unreachable', 'lost');
    const placed = journal.place(entry, orderUrl, signal);
    await setImmediate();
    clock.advance(150);
    await setImmediate();
    clock.advance(500);
    await placed;
    assert.equal(journal.find(entry)?.orderUrl, orderUrl);
    assert.equal(shared.writes, 3, 'one shows that it can be written again');
    assert.equal(shared.entries.size, 1);
  });

  it('says that it cannot be read to whoever waits for it, and goes on when it can', async () => {
    const shared = new SharedJournal();
    shared.refusal = new KubernetesError('Forbidden', 'no');
    const { journal, clock, signal, troubles } = open(shared);
    const restored = journal.restore();
    const waiting = assert.rejects(journal.ready(signal), /no/);
    await setImmediate();
    clock.advance(20_000);
    await waiting;
    assert.ok(troubles.length > 0);
    shared.refusal = undefined;
    clock.advance(30_000);
    await restored;
    await journal.ready(signal);
  });

  it('leaves a damaged entry alone, says so once, and goes on with the others', async () => {
    const shared = new SharedJournal();
    const before = await opened(shared);
    const entry = await before.journal.begin(wanted('a.example.com'), before.signal);
    const changed = (change: object): string =>
      JSON.stringify({ ...JSON.parse(shared.entries.get(entry.id) ?? ''), ...change });
    const damaged = [
      ['half', '{"version":1,'],
      ['future', '{"version":2}'],
      ['keyless', changed({ keyPem: 'no key' })],
      // Read in part, they would be other orders.
      ['host', changed({ hosts: ['c.example.com', 1] })],
      ['url', changed({ orderUrl: ['https://ca.example/order'] })],
      // No CA can be asked about it, and the order would be waited for for ever.
      ['link', changed({ orderUrl: 'order/1' })],
      ['file', changed({ orderUrl: 'file:///order/1' })],
      ['profile', changed({ profile: null })],
      ['time', changed({ waitUntil: 'soon' })],
      ['name', changed({ secretName: '-----BEGIN PRIVATE KEY-----\nMIGH' })],
    ] as const;
    for (const [id, text] of damaged) {
      shared.put(id, text);
    }
    const { journal, clock, signal, troubles } = await opened(shared);
    assert.deepEqual(journal.find(entry), entry);
    assert.equal(journal.size, 1);
    assert.deepEqual(
      troubles.map((trouble) => /^The entry (\S+) of the order journal/.exec(String(trouble))?.[1]),
      damaged.map(([id]) => id),
    );
    assert.ok(!troubles.join().includes('no key'));
    clock.advance(150);
    await journal.begin(wanted('b.example.com'), signal);
    assert.deepEqual([...shared.entries].slice(1, -1), damaged);
  });

  it('goes on with a damaged entry that somebody has mended, from its next write on', async () => {
    const shared = new SharedJournal();
    const before = await opened(shared);
    const entry = await before.journal.begin(wanted('a.example.com'), before.signal);
    const text = shared.entries.get(entry.id) ?? '';
    shared.put(entry.id, text.slice(1));
    const { journal, clock, signal, troubles } = await opened(shared);
    shared.put(entry.id, text.slice(2));
    clock.advance(150);
    await journal.begin(wanted('b.example.com'), signal);
    assert.equal(troubles.length, 2);
    assert.equal(journal.find(entry), undefined);

    shared.put(entry.id, text);
    clock.advance(150);
    const second = journal.begin(wanted('a.example.com'), signal);
    await assert.rejects(second, ({ failure }: StepError) => failure.code === 'OrderedElsewhere');
    assert.deepEqual(journal.find(entry), entry);
    assert.equal(troubles.length, 2);
  });

  it('orders the same hosts for one Secret at a time', async () => {
    const shared = new SharedJournal();
    const { journal, letGo, signal } = await opened(shared);
    const entry = await journal.begin(wanted('a.example.com'), signal);
    const second = journal.begin(wanted('a.example.com', { secretName: 'other-tls' }), signal);
    await assert.rejects(second, ({ failure }: StepError) => failure.code === 'OrderedElsewhere');
    assert.deepEqual(journal.find(entry), entry);
    assert.deepEqual(letGo, []);
  });

  it('gives up within two hours what nobody wants any more', async () => {
    const shared = new SharedJournal();
    const { journal, letGo, unwanted, clock, signal } = await opened(shared);
    void journal.tend();
    await journal.begin(wanted('a.example.com'), signal);
    clock.advance(150);
    await journal.begin(wanted('b.example.com'), signal);
    unwanted.add('a.example.com-tls');
    for (let hours = 0; hours < 2; hours += 1) {
      clock.advance(3_600_000);
      await setImmediate();
    }
    assert.deepEqual(letGo, ['a.example.com: nobody names its Secret any more']);
    assert.equal(journal.size, 1);
  });

  it('gives up an order for the same hosts when the first Secret is wanted no more, and one that no CA still has', async () => {
    const shared = new SharedJournal();
    const { journal, letGo, unwanted, clock, signal } = await opened(shared);
    await journal.begin(wanted('a.example.com'), signal);
    clock.advance(150);
    unwanted.add('a.example.com-tls');
    await journal.begin(wanted('a.example.com', { secretName: 'other-tls' }), signal);
    clock.advance(7 * 86_400_000 + 1);
    await journal.begin(wanted('b.example.com'), signal);
    assert.deepEqual(letGo, [
      'a.example.com: the same hosts are ordered again',
      'a.example.com: it was begun more than a week ago',
    ]);
    assert.equal(journal.size, 1);
  });

  it('gives up what no CA still has, although nothing else is ordered, if the CA has told its time', async () => {
    const shared = new SharedJournal();
    const { journal, clock, letGo, signal, time } = await opened(shared);
    void journal.tend();
    const entry = await journal.begin(wanted('a.example.com'), signal);
    time.isKnown = false;
    clock.advance(30 * 86_400_000);
    await setImmediate();
    assert.deepEqual(journal.find(entry), entry);
    time.isKnown = true;
    clock.advance(3_600_000);
    await setImmediate();
    assert.deepEqual(letGo, ['a.example.com: it was begun more than a week ago']);
    assert.equal(journal.find(entry), undefined);
  });

  it('waits no longer with the question about an order than a CA is heeded, whatever clock or person wrote that', async () => {
    const shared = new SharedJournal();
    const before = await opened(shared);
    const entry = await before.journal.begin(wanted('a.example.com'), before.signal);
    const text = shared.entries.get(entry.id) ?? '{}';
    shared.put(entry.id, JSON.stringify({ ...JSON.parse(text), waitUntil: '2999-01-01T00:00:00.000Z' }));
    const { journal, clock } = await opened(shared);
    const { waitUntil } = journal.find(entry) ?? {};
    assert.equal(waitUntil, start + 3_600_000);
    clock.advance(1_800_000);
    assert.equal(journal.find(entry)?.waitUntil, waitUntil);
  });

  it('keeps the orders in flight when somebody deletes the journal', async () => {
    const shared = new SharedJournal();
    const { journal, clock, ended, signal } = await opened(shared);
    const one = await journal.begin(wanted('a.example.com'), signal);
    clock.advance(150);
    const over = await journal.begin(wanted('b.example.com'), signal);
    journal.end(over);
    shared.delete();
    clock.advance(150);
    const next = await journal.begin(wanted('c.example.com'), signal);
    assert.deepEqual([...shared.entries.keys()].toSorted(), [one.id, next.id].toSorted());
    assert.deepEqual(journal.find(one), one);
    assert.deepEqual(ended, ['b.example.com']);
  });

  it('gives up none at the start, when the CA has not told its time yet', async () => {
    const shared = new SharedJournal();
    const { journal, signal } = await opened(shared);
    const entry = await journal.begin(wanted('a.example.com'), signal);
    const later = await opened(shared, new ManualClock(start + 30 * 86_400_000));
    assert.deepEqual(later.journal.find(entry), entry);
    assert.deepEqual(later.letGo, []);
  });

  it('has a bound', async () => {
    const shared = new SharedJournal();
    const { journal, clock, signal } = await opened(shared);
    const hosts = Array.from({ length: 100 }, (_, index) => `${'long'.repeat(50)}${index}.example.com`);
    const refused: unknown[] = [];
    for (let serial = 0; serial < 100; serial += 1) {
      const name = `h${serial}.example.com`;
      const beginning = wanted(name, { hosts: [...hosts, name], namespace: `n${serial % 4}` });
      const begun = journal.begin(beginning, signal).catch((error: unknown) => refused.push(error));
      await setImmediate();
      clock.advance(150);
      await begun;
    }
    const [refusal] = refused;
    const ofOne = [...shared.entries.values()].filter((text) => text.includes('"n0"')).join('').length;
    assert.ok(ofOne <= 300_000, `${ofOne} bytes of one namespace`);
    assert.ok(refusal instanceof StepError && refusal.failure.code === 'OrderJournalFull');
    const stored = [...shared.entries.values()].join('').length;
    assert.ok(stored > 800_000 && stored < 2 ** 20, `${stored} bytes`);
  });

  it('has a bound also for orders that have ended, and that are not recorded yet', async () => {
    const shared = new SharedJournal();
    const { journal, clock, records, signal } = await opened(shared);
    records.written = new Promise(() => undefined);
    const hosts = Array.from({ length: 100 }, (_, index) => `${'long'.repeat(50)}${index}.example.com`);
    const refused: unknown[] = [];
    for (let serial = 0; serial < 100; serial += 1) {
      const name = `h${serial}.example.com`;
      const beginning = wanted(name, { hosts: [...hosts, name], namespace: `n${serial}` });
      const begun = journal.begin(beginning, signal).then(
        (entry) => journal.end(entry),
        (error: unknown) => refused.push(error),
      );
      await setImmediate();
      clock.advance(150);
      await begun;
    }
    const [refusal] = refused;
    assert.ok(refusal instanceof StepError && refusal.failure.code === 'OrderJournalFull');
    const stored = [...shared.entries.values()].join('').length;
    assert.ok(stored > 800_000 && stored < 2 ** 20, `${stored} bytes`);
  });
});
