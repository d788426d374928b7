import type { LedgerStore } from '../../src/ledger/ledger-keeper.ts';

/** Documents in memory; it can be told to refuse. */
export class MemoryLedgerStore implements LedgerStore {
  readonly documents = new Map<number, string>();
  writes = 0;
  refusal: Error | undefined;
  /** While it is set, what is written is not kept before it resolves. */
  delay: Promise<void> | undefined;

  async read(): Promise<ReadonlyMap<number, string>> {
    if (this.refusal !== undefined) throw this.refusal;
    return new Map(this.documents);
  }

  async write(shard: number, text: string | undefined): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal;
    this.writes += 1;
    await this.delay;
    if (text === undefined) this.documents.delete(shard);
    else this.documents.set(shard, text);
  }
}
