import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import type { LedgerStore } from '../../src/ledger/ledger-keeper.ts';
import type { HolderStore } from '../../src/ownership/holder-keeper.ts';

/** Documents in memory that several processes write to, each over nothing that another one has written. */
export class SharedDocuments {
  readonly #documents = new Map<number, { readonly text: string; readonly version: number }>();
  writes = 0;
  refusal: Error | undefined;
  /** Called before each write. */
  beforeWrite: (() => void) | undefined;
  /** While it is set, what is written is not kept before it resolves. */
  delay: Promise<void> | undefined;

  get texts(): ReadonlyMap<number, string> {
    return new Map([...this.#documents].map(([shard, { text }]) => [shard, text]));
  }

  /** As an operator does: the next process finds it changed. */
  put(shard: number, text: string | undefined): void {
    if (text === undefined) this.#documents.delete(shard);
    else this.#documents.set(shard, { text, version: this.#versionOf(shard) + 1 });
  }

  /** The documents as one process sees them. */
  open(): HolderStore & LedgerStore {
    const known = new Map<number, number>();
    return {
      nameOf: (shard) => `kube-lego/kube-lego-holders-${shard}`,
      read: async () => {
        if (this.refusal !== undefined) throw this.refusal;
        known.clear();
        for (const [shard, { version }] of this.#documents) known.set(shard, version);
        return this.texts;
      },
      write: async (shard, text) => {
        this.writes += 1;
        await this.delay;
        if (this.refusal !== undefined) throw this.refusal;
        this.beforeWrite?.();
        if ((known.get(shard) ?? 0) !== this.#versionOf(shard))
          throw new KubernetesError('Conflict', 'changed');
        this.put(shard, text);
        known.set(shard, this.#versionOf(shard));
      },
    };
  }

  #versionOf(shard: number): number {
    return this.#documents.get(shard)?.version ?? 0;
  }
}
