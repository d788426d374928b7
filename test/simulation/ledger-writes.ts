import { presetLimits } from '../../machines/limits.ts';
import type { OrderRequest } from '../../machines/order-limits.ts';
import { createLedger } from '../../src/ledger-keeper.ts';
import { directoryUrl } from './ca-client.ts';
import { day, second } from './time-units.ts';

/** Milliseconds between two writings, as src/ledger-keeper.ts has it. */
const writePause = 3 * second;

/**
 * What the ledger writes while so many names get their first certificate, as fast as the limits of Let's Encrypt allow: each name
 * has a registered domain of its own, so that each leaves as many entries as it can.
 *
 * @returns lines for a person
 */
export async function ledgerWritesOfColdStart(names: number): Promise<string> {
  const began = performance.now();
  const ledger = createLedger(presetLimits(directoryUrl), directoryUrl);
  let now = Date.UTC(2026, 10, 2);
  const start = now;
  const kept = new Map<number, number>();
  let [written, writes, most, largest, lastWrite] = [0, 0, 0, 0, 0];
  const write = (): void => {
    for (const { shard, text } of ledger.takeChanges(now)) {
      writes += 1;
      written += text?.length ?? 0;
      largest = Math.max(largest, text?.length ?? 0);
      kept.set(shard, text?.length ?? 0);
    }
    lastWrite = now;
    most = Math.max(
      most,
      [...kept.values()].reduce((sum, length) => sum + length, 0),
    );
  };
  for (let index = 0; index < names; index += 1) {
    const order: OrderRequest = {
      identifiers: [`www.shop-${index}.example`],
      purpose: 'first',
      exemption: 'none',
    };
    for (let hold = ledger.hold(order, now); hold !== undefined; hold = ledger.hold(order, now))
      now = hold.until;
    ledger.orderCreated(order, now);
    if (!ledger.coversOrders(now)) {
      ledger.coverOrders(now);
      write();
    }
    ledger.orderMade(order, now);
    now += second;
    ledger.certificateIssued(order, now);
    if (now - lastWrite >= writePause) write();
  }
  write();
  const took = (now - start) / second;
  return [
    `A cold start with ${names} names at Let's Encrypt takes ${(took / (day / second)).toFixed(1)} days.`,
    `The ledger is written ${writes} times, ${(written / 1e6).toFixed(1)} MB in all: ${Math.round(written / took)} bytes a second.`,
    `It holds ${(most / 1e6).toFixed(2)} MB at most, in ${kept.size} ConfigMaps of at most ${(largest / 1e3).toFixed(0)} KB.`,
    `(${((performance.now() - began) / 1000).toFixed(1)} s of real time)\n`,
  ].join('\n');
}
