import { presetLimits } from '../../machines/authority/known-cas.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import { createLedger, LedgerKeeper } from '../../src/ledger/ledger-keeper.ts';
import { sleep } from '../../src/time/clock.ts';
import { directoryUrl } from './simulated-ca.ts';
import { day, second } from './time-units.ts';
import { ProcessClock, VirtualTime } from './virtual-time.ts';

/** As many orders are under way at a time, `LEGO_MAX_ORDERS_IN_FLIGHT`. */
const inFlight = 10;
/** Every so many-th name is of a host that fails, and is tried again. */
const failingEvery = 5;
const triesOfFailing = 4;
/** Milliseconds from an order to its proof, and of a write. */
const orderTime = second;
const writeTime = 8;

export interface ColdStartWrites {
  readonly names: number;
  /** Milliseconds until the last name had its turn. */
  readonly took: number;
  readonly writes: number;
  /** Written in all. */
  readonly bytes: number;
  /** The most that was kept at a time, in all documents and in one. */
  readonly mostKept: number;
  readonly largestDocument: number;
  readonly documents: number;
}

/**
 * What the ledger's keeper writes while so many names get their first certificate, as fast as the limits of Let's Encrypt allow: each
 * name has a registered domain of its own, so that each leaves as many entries as it can, and every fifth fails.
 */
export async function writesOfColdStart(names: number): Promise<ColdStartWrites> {
  const time = new VirtualTime(Date.UTC(2026, 10, 2));
  const clock = new ProcessClock(time, () => 0);
  const start = time.now;
  const ledger = createLedger(presetLimits(directoryUrl), directoryUrl);
  const kept = new Map<number, number>();
  let [writes, bytes, sum, mostKept, largestDocument, last] = [0, 0, 0, 0, 0, start];
  const { signal } = new AbortController();
  const keeper = new LedgerKeeper({
    ledger,
    clock,
    signal,
    store: {
      read: () => Promise.resolve(new Map()),
      write: async (shard, text) => {
        await sleep(clock, writeTime, signal);
        const size = Buffer.byteLength(text ?? '');
        writes += 1;
        bytes += size;
        sum += size - (kept.get(shard) ?? 0);
        kept.set(shard, size);
        mostKept = Math.max(mostKept, sum);
        largestDocument = Math.max(largestDocument, size);
      },
    },
    onTrouble: (trouble) => {
      throw trouble instanceof Error ? trouble : new Error(String(trouble));
    },
  });
  const tryOnce = async (host: string, fails: boolean): Promise<void> => {
    const order: OrderRequest = { identifiers: [host], purpose: 'first', exemption: 'none' };
    for (let hold = ledger.hold(order, time.now); hold !== undefined; hold = ledger.hold(order, time.now))
      await sleep(clock, hold.until - time.now, signal);
    ledger.orderCreated(order, time.now);
    ledger.orderMade(order, time.now);
    await sleep(clock, orderTime, signal);
    if (fails) {
      ledger.authorizationFailed(host, time.now);
      ledger.orderEnded(order, time.now);
    } else {
      ledger.certificateIssued(order, time.now);
    }
    keeper.changed();
    last = time.now;
  };
  const queue = Array.from({ length: names }, (_, index) => index).values();
  const work = async (): Promise<void> => {
    for (const index of queue) {
      const fails = index % failingEvery === 0;
      for (let tries = 0; tries < (fails ? triesOfFailing : 1); tries += 1)
        await tryOnce(`www.shop-${index}.example`, fails);
    }
  };
  const all = Promise.all(Array.from({ length: inFlight }, work));
  // Until nothing is left to happen.
  await time.runUntil(Number.MAX_SAFE_INTEGER);
  await all;
  return { names, took: last - start, writes, bytes, mostKept, largestDocument, documents: kept.size };
}

/** @returns lines for a person */
export function describeWrites(figures: ColdStartWrites): string {
  const { names, took, writes, bytes, mostKept, largestDocument, documents } = figures;
  return [
    `A cold start with ${names} names at Let's Encrypt, of which every fifth fails ${triesOfFailing} times, takes ${(took / day).toFixed(1)} days.`,
    `The ledger is written ${writes} times, ${(bytes / 1e6).toFixed(1)} MB in all: ${Math.round(bytes / (took / second))} bytes a second.`,
    `It holds ${(mostKept / 1e6).toFixed(2)} MB at most, in ${documents} ConfigMaps of at most ${(largestDocument / 1e3).toFixed(0)} KB.\n`,
  ].join('\n');
}
