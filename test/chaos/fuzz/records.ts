// Documents of kube-lego's own namespace: a person, a backup, a faulty disk or a later version may have written anything there.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { presetLimits } from '../../../machines/authority/known-cas.ts';
import { exemptions } from '../../../machines/ledger/blocks.ts';
import { decodeLedger } from '../../../machines/ledger/ledger-document.ts';
import { decodeHolders, HolderDocumentError } from '../../../machines/ownership/holders/holder-document.ts';
import { HolderRecord } from '../../../machines/ownership/holders/holder-record.ts';
import { StepError } from '../../../machines/reasons/step-error.ts';
import { plausibleCaWait } from '../../../machines/time/ca-wait.ts';
import { AccountError } from '../../../src/acme/account/account-error.ts';
import { readStoredAccount } from '../../../src/acme/account/account-secret.ts';
import { isPrivateKey } from '../../../src/certificate/key.ts';
import { type JournalEntry, readEntry, writeEntry } from '../../../src/journal/journal-entry.ts';
import { OrderJournal } from '../../../src/journal/order-journal.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { KubernetesLease } from '../../../src/kubernetes/records/lease-record.ts';
import { LeaderElection } from '../../../src/leadership/leader-election.ts';
import { createLedger } from '../../../src/ledger/ledger-keeper.ts';
import { recordField, stringField } from '../../../src/process/json.ts';
import { newKeyPem, oldKeyPem } from '../../acme/keys.ts';
import { SharedJournal } from '../../journal/shared-journal.ts';
import { ApiStandIn } from '../../kubernetes/api-stand-in.ts';
import { day, now } from '../../machines/builders.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { damagedJson, damagedTexts } from './mutation.ts';
import {
  assertTellable,
  assertTime,
  expectedFailure,
  type FuzzTarget,
  fuzzTarget,
  fuzzTargetIn,
  kept,
} from './target.ts';

const directoryUrl = 'https://acme-v02.api.letsencrypt.org/directory';
const order = {
  identifiers: ['www.example.com', 'shop.example.org'],
  purpose: 'first',
  exemption: 'none',
} as const;
const keyPem = kept(newKeyPem());

function newLedger() {
  return createLedger(presetLimits(directoryUrl), directoryUrl);
}

/** What a ledger writes after some orders and refusals. */
function ledgerTexts(): string[] {
  const ledger = newLedger();
  ledger.restore(new Map(), now);
  ledger.orderCreated(order, now);
  ledger.orderMade(order, now);
  ledger.certificateIssued(order, now);
  ledger.authorizationFailed('www.example.com', now);
  ledger.learn({ cause: 'paused', scope: { type: 'order' }, retryAfter: day }, order, now);
  ledger.learn({ cause: 'orders-per-account', scope: { type: 'account' }, retryAfter: 60_000 }, order, now);
  ledger.learnUnavailable(30_000, now);
  return ledger.takeChanges(now).flatMap(({ text }) => text ?? []);
}

function documents(texts: readonly string[]): fc.Arbitrary<ReadonlyMap<number, string>> {
  const parsed = texts.map((text): unknown => JSON.parse(text));
  return fc
    .array(fc.tuple(fc.nat(3), damagedJson(parsed)), { minLength: 1, maxLength: 3 })
    .map((entries) => new Map(entries));
}

const ledger = fuzzTarget('ledger', documents(ledgerTexts()), (read) => {
  const restored = newLedger();
  for (const sentence of restored.restore(read, now)) assertTellable(sentence);
  const hold = restored.hold(order, now);
  assertTime(hold?.until);
  assert.ok((hold?.until ?? 0) <= now + Math.max(plausibleCaWait, 1152 * day), 'It waits for ever.');
  for (const { until } of restored.blocks(now)) assertTime(until);
  restored.forecast(now);
  restored.orderCreated(order, now);
  restored.orderMade(order, now);
  restored.orderEnded(order, now);
  const written = new Map(read);
  for (const { shard, text } of restored.takeChanges(now)) {
    if (text === undefined) written.delete(shard);
    else written.set(shard, text);
  }
  for (const text of written.values()) assert.deepEqual(decodeLedger(text).damaged, []);
  assert.deepEqual(newLedger().restore(written, now), [], 'what is written in their place is good');
});

/** What a record of two namespaces writes. */
function holderTexts(): string[] {
  const record = new HolderRecord();
  for (const [index, namespace] of ['shop', 'blog'].entries()) {
    const holder = { namespace, notBefore: now, notAfter: now + 90 * day, certificate: 'abcdefghijklmnop' };
    record.set(`${namespace}.example.com`, holder);
    record.set(`*.${index}.example.com`, holder);
  }
  record.markComplete();
  return record.takeChanges().map(({ text }) => text);
}

const nameOf = (shard: number): string => `kube-lego/kube-lego-holders-${shard}`;

const holders = fuzzTarget('holders', documents(holderTexts()), async (read) => {
  const restored = new HolderRecord();
  await expectedFailure(() => {
    for (const trouble of restored.restore(read, nameOf).troubles) assertTellable(trouble);
  }, HolderDocumentError);
  const merged = new HolderRecord();
  merged.restore(new Map(), nameOf);
  for (const trouble of merged.merge(read, nameOf).troubles) assertTellable(trouble);
  merged.prune(() => false, now);
  const written = new Map(read);
  for (const { shard, text } of merged.takeChanges()) written.set(shard, text);
  for (const text of written.values()) assert.deepEqual(decodeHolders(text).damaged, []);
});

const entry: JournalEntry = {
  id: 'c2b7a2de-6a0c-4f52-9d3c-52c4a9e0a7f1',
  directoryUrl,
  profile: undefined,
  hosts: ['shop.example.org', 'www.example.com'],
  keyPem,
  keyType: 'ec-p256',
  namespace: 'shop',
  secretName: 'web-tls',
  exemption: 'none',
  begunAt: now - 60_000,
  orderUrl: 'https://acme-v02.api.letsencrypt.org/acme/order/1/2',
  waitUntil: now + 60_000,
};
const journalTexts = [entry, { ...entry, profile: 'shortlived', orderUrl: undefined }].map(writeEntry);
const journalKeys = fc.oneof(
  fc.constantFrom(entry.id, '__proto__', 'constructor', '.'),
  fc.stringMatching(/^[-._a-zA-Z0-9]{1,253}$/),
);

const journal = fuzzTarget(
  'journal',
  fc.array(fc.tuple(journalKeys, damagedJson(journalTexts.map((text): unknown => JSON.parse(text)))), {
    minLength: 1,
    maxLength: 4,
  }),
  async (read) => {
    const stored = new Map(read);
    const shared = new SharedJournal();
    for (const [id, text] of stored) shared.put(id, text);
    const good = [...stored].flatMap(([id, text]) => readEntry(id, text, isPrivateKey) ?? []);
    for (const found of good) assertSame(found, stored.get(found.id) ?? '');
    const told: string[] = [];
    const stop = new AbortController();
    const opened = new OrderJournal({
      store: shared.open(),
      isPrivateKey,
      isWanted: () => true,
      isTimeKnown: () => true,
      clock: new ManualClock(now),
      signal: stop.signal,
      onTrouble: (trouble) => told.push(String(trouble)),
      onLetGo: () => undefined,
    });
    await opened.restore();
    for (const sentence of told) assertTellable(sentence);
    assert.equal(told.length, stored.size - good.length, 'each damaged one is told once');
    const { keyPem: key, keyType, hosts, namespace, secretName } = entry;
    const set = { directoryUrl, profile: undefined, hosts };
    opened.of(namespace, secretName);
    const beginning = { ...set, keyPem: key, keyType, namespace, secretName, exemption: 'none' } as const;
    const begun = opened.begin(beginning, stop.signal);
    await expectedFailure(() => begun, StepError);
    await nextTurn();
    for (const [id, text] of stored) {
      if (good.some((found) => found.id === id)) continue;
      assert.equal(shared.entries.get(id), text, 'a damaged one is left alone');
    }
    stop.abort();
  },
);

/** What is read is all that is written there: no part of a damaged entry is used. */
function assertSame(found: JournalEntry, text: string): void {
  const written: unknown = JSON.parse(text);
  const again: unknown = JSON.parse(writeEntry(found));
  assert.ok(typeof written === 'object' && typeof again === 'object' && again !== null && written !== null);
  for (const [field, value] of Object.entries(again)) {
    const given: unknown = Reflect.get(written, field);
    if (field === 'begunAt' || field === 'waitUntil') {
      assert.equal(Date.parse(String(given)), Date.parse(String(value)), field);
    } else if (field === 'hosts') {
      assert.deepEqual(Array.isArray(given) ? given.map(String).toSorted(compare) : given, value);
    } else if (field === 'exemption') {
      // One that is not known loses no order: all limits count it.
      assert.equal(value, exemptions.find((name) => name === given) ?? 'none');
    } else assert.deepEqual(given, value, field);
  }
  const fields = ['orderUrl', 'profile', 'waitUntil'].filter((field) => Reflect.get(written, field) != null);
  for (const field of fields) assert.ok(Object.hasOwn(again, field), `${field} is dropped`);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}

const leaseObject = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'kube-lego', namespace: 'kube-lego', uid: 'uid-of-lease', resourceVersion: '17' },
  spec: {
    holderIdentity: 'kube-lego-5d4f7c9b8-abcde',
    leaseDurationSeconds: 60,
    acquireTime: '2026-11-24T11:00:00.000000Z',
    renewTime: '2026-11-24T11:59:50.000000Z',
    leaseTransitions: 3,
  },
};
const leaseDuration = 6000;

/** Answers for the Lease as an API server does, with whatever stands there. */
class LeaseServer implements AsyncDisposable {
  answer = '';
  written: unknown;
  readonly client: KubernetesClient;
  readonly #api: ApiStandIn;

  private constructor(api: ApiStandIn) {
    this.#api = api;
    this.client = createKubernetesClient(api.access);
    api.override = (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
      return true;
    };
  }

  static async start(): Promise<LeaseServer> {
    return new LeaseServer(await ApiStandIn.start());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.#api.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.method !== 'GET') this.written = JSON.parse(body);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(request.method === 'GET' ? this.answer : body);
  }
}

const lease = fuzzTargetIn(
  'lease',
  damagedJson([leaseObject]),
  () => LeaseServer.start(),
  async (object, server) => {
    server.answer = object;
    server.written = undefined;
    const clock = new ManualClock(now);
    const stop = new AbortController();
    const told: string[] = [];
    const election = new LeaderElection({
      store: new KubernetesLease(server.client, 'kube-lego'),
      identity: 'kube-lego-other',
      leaseDuration,
      longestLease: 2 * leaseDuration,
      clock,
      onWaiting: () => undefined,
      onTrouble: (error) => told.push(String(error)),
      onLost: (why) => told.push(why),
    });
    const acquired = election.acquire(stop.signal).catch(() => undefined);
    // Nobody renews it, so that it is taken over, whatever it says; unless nothing can be read.
    const end = now + 3 * leaseDuration;
    while (!election.leading && told.length < 2 && clock.now() < end) {
      await nextTurn();
      if (clock.pending.length > 0) clock.advance(1000);
    }
    const { holder, trouble } = election.waitingFor;
    for (const text of [holder ?? '', trouble ?? '', ...told]) assertTellable(text);
    if (told.length < 2) {
      assert.ok(election.leading, 'the Lease is never taken over');
      assertLease(server.written);
    }
    stop.abort();
    await acquired;
    await election.release(new AbortController().signal).catch(() => undefined);
  },
);

/** As the API server accepts it (coordination.k8s.io/v1). */
function assertLease(object: unknown): void {
  const spec = recordField(object, 'spec');
  const { leaseDurationSeconds, leaseTransitions } = spec ?? {};
  for (const count of [leaseDurationSeconds, leaseTransitions]) {
    assert.ok(Number.isInteger(count) && Number(count) >= 0 && Number(count) < 2 ** 31, String(count));
  }
  for (const field of ['acquireTime', 'renewTime']) {
    assert.match(stringField(spec, field) ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, field);
  }
}

const account = fuzzTarget(
  'account',
  fc.record({
    key: damagedTexts([kept(newKeyPem()), kept(oldKeyPem())]),
    refused: damagedTexts([`2026-11-24T13:00:00.000Z ${directoryUrl}`]),
    url: damagedTexts(['https://acme-v02.api.letsencrypt.org/acme/acct/1']),
    directory: damagedTexts([directoryUrl]),
  }),
  async ({ key, refused, url, directory }) => {
    const data = {
      'tls.key': Buffer.from(key),
      'acme-registration-url': Buffer.from(url),
      'acme-directory-url': Buffer.from(directory),
      'acme-registration-refused-until': Buffer.from(refused),
    };
    const secret = { data, uid: 'uid', resourceVersion: '1' };
    await expectedFailure(() => {
      assertTime(readStoredAccount(secret, 'kube-lego/kube-lego-account', directoryUrl).refusedUntil);
    }, AccountError);
  },
);

export const recordTargets: readonly FuzzTarget[] = [ledger, holders, journal, lease, account];
