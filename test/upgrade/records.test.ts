import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeLedger, encodeLedger } from '../../machines/ledger/ledger-document.ts';
import { decodeHolders, encodeHolders } from '../../machines/ownership/holders/holder-document.ts';
import { PresentedValues } from '../../src/challenges/dns-01/presented-values.ts';
import { readEntry, writeEntry } from '../../src/journal/journal-entry.ts';
import { readRevocation, writeRevocation } from '../../src/revocation/revocation-entry.ts';
import { systemClock } from '../../src/time/clock.ts';
import { MemoryValues } from '../challenges/dns-01/dns-world.ts';

/*
 * The records as they have been written from the first version with a journal on. During an update, and after it is taken back, a replica
 * goes on with what one of another version has written: these texts must be read for ever, and what is written must be read by those that
 * know only these.
 */

/** What a later version may add must not make a record unreadable for this one. */
function withMore(text: string): string {
  return text.replace('{"version":1', '{"version":1,"addedLater":{"a":1}');
}

const journal = [
  '{"version":1,"directoryUrl":"https://ca.example/directory","profile":"shortlived","hosts":["a.example","b.example"],"keyPem":"-----BEGIN PRIVATE KEY-----\\nMIGH\\n-----END PRIVATE KEY-----\\n","keyType":"ec-p256","namespace":"shop","secretName":"shop-tls","exemption":"ari","orderUrl":"https://ca.example/order/1","begunAt":"2026-11-20T00:00:00.000Z","waitUntil":"2026-11-20T00:10:00.000Z"}',
  '{"version":1,"directoryUrl":"https://ca.example/directory","hosts":["*.a.example"],"keyPem":"-----BEGIN PRIVATE KEY-----\\nMIGH\\n-----END PRIVATE KEY-----\\n","keyType":"rsa-2048","namespace":"shop","secretName":"wild-tls","exemption":"none","begunAt":"2026-11-20T00:00:00.000Z"}',
];

const ledger =
  '{"version":1,"assumedSpentAt":1763596800,"buckets":{"oAAAAAAAAAAAAAAAA":1763600400,"rBBBBBBBBBBBBBBBB":1763604000},"blocks":{"SCCCCCCCCCCCCCCCC":{"cause":"certificates-per-exact-set","until":1763600401,"exemption":"none","refusals":2}}}';

const holders =
  '{"version":1,"documents":2,"holders":{"a.example":["shop",1763596800,1771372800,"hpe1bkfxqVyKOv4A"],"*.b.example":["blog",1763596800,1771372800,"Xb0wNNz2XQ6x-_1q"]}}';

const revocations = [
  '{"version":1,"namespace":"shop","secretName":"shop-tls","reason":"keyCompromise","replaceFirst":true,"state":{"phase":"replacing","at":"2026-11-20T00:01:00.000Z"},"keyFingerprint":"k","hosts":["a.example"],"serial":"04ab","certificatePem":"c","keyPem":"p","requestedAt":"2026-11-20T00:00:00.000Z","notAfter":"2027-02-18T00:00:00.000Z"}',
  '{"version":1,"namespace":"shop","secretName":"shop-tls","reason":"superseded","replaceFirst":false,"state":{"phase":"revoked","at":"2026-11-20T00:01:00.000Z","already":true},"keyFingerprint":"k","hosts":[],"serial":"04ab","requestedAt":"2026-11-20T00:00:00.000Z","notAfter":"2027-02-18T00:00:00.000Z"}',
];

const dnsValue = [
  '52dc73b45beee5dc7c91ae05d01570cc',
  '{"domain":"shop.example","host":"shop.example","name":"_acme-challenge.shop.example","zone":"shop.example","primary":"ns1.shop.example","keyAuthorization":"token.thumbprint"}',
] as const;

describe('records of a replica of another version', () => {
  it('are read: unfinished orders, with their keys', () => {
    for (const text of journal) {
      const entry = readEntry('id', text, () => true);
      assert.ok(entry);
      assert.deepEqual(JSON.parse(writeEntry(entry)), JSON.parse(text));
      assert.deepEqual(
        readEntry('id', withMore(text), () => true),
        entry,
      );
    }
  });

  it('are read: the rate-limit ledger', () => {
    const content = {
      assumedSpentAt: 1_763_596_800_000,
      buckets: new Map([
        ['oAAAAAAAAAAAAAAAA', 1_763_600_400_000],
        ['rBBBBBBBBBBBBBBBB', 1_763_604_000_000],
      ]),
      blocks: new Map([
        [
          'SCCCCCCCCCCCCCCCC',
          {
            cause: 'certificates-per-exact-set',
            until: 1_763_600_400_000,
            exemption: 'none',
            refusals: 2,
            scope: undefined,
          },
        ] as const,
      ]),
    };
    assert.equal(encodeLedger(content), ledger);
    for (const text of [ledger, withMore(ledger)]) {
      const { damaged, assumedSpentAt, buckets, blocks } = decodeLedger(text);
      assert.deepEqual([damaged, assumedSpentAt, buckets], [[], content.assumedSpentAt, content.buckets]);
      assert.deepEqual(
        [...blocks.values()].map(({ until }) => until),
        [1_763_600_401_000],
      );
    }
  });

  it('are read: the holders of hosts', () => {
    const reading = decodeHolders(holders);
    assert.deepEqual(reading.damaged, []);
    assert.equal(encodeHolders(reading), holders);
    assert.deepEqual(decodeHolders(withMore(holders)), reading);
  });

  it('are read: requested revocations', () => {
    for (const text of revocations) {
      const entry = readRevocation('fingerprint', text);
      assert.ok(entry);
      assert.deepEqual(JSON.parse(writeRevocation(entry)), JSON.parse(text));
      assert.deepEqual(readRevocation('fingerprint', withMore(text)), entry);
    }
  });

  it('are read: values in the DNS, which stay as they are written while they are needed', async () => {
    const store = new MemoryValues();
    store.entries = new Map([dnsValue]);
    const ending = new AbortController();
    const values = new PresentedValues({
      store,
      clock: systemClock,
      signal: ending.signal,
      onTrouble: (trouble) => assert.fail(String(trouble)),
    });
    const [value] = await values.restore();
    assert.ok(value);
    assert.equal(value.record.name, '_acme-challenge.shop.example');
    const another = { ...value, record: { ...value.record, name: '_acme-challenge.b.shop.example' } };
    await values.add(another, ending.signal);
    assert.equal(store.entries.get(dnsValue[0]), dnsValue[1]);
    assert.equal(store.entries.size, 2);
    ending.abort();
  });
});
