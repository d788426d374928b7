import pLimit from 'p-limit';
import { createCsr as createReal } from '../../src/certificate/csr.ts';
import { rest } from './virtual-time.ts';

/** Which of several was done first would be up to the threads, and with it the order of all that follows. */
const oneByOne = pLimit(1);

/**
 * In place of src/certificate/csr.ts: the same, one after the other, each when all that followed from the one before has come to rest. It
 * is the only work of an order that another thread does.
 */
export function createCsr(hosts: readonly string[], keyPem: string): Promise<Buffer> {
  return oneByOne(async () => {
    await rest();
    return createReal(hosts, keyPem);
  });
}

/** @returns undefined if no such work is under way, else resolved when it is done */
export function csrsDone(): Promise<void> | undefined {
  const isAtWork = oneByOne.activeCount + oneByOne.pendingCount > 0;
  return isAtWork ? oneByOne(() => undefined) : undefined;
}
