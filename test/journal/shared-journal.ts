import type { EntryStore } from '../../src/kubernetes/client/entry-store.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';

/** A journal in memory that several processes write to, each over nothing that another one has written. */
export class SharedJournal {
  #entries: ReadonlyMap<string, string> | undefined;
  #version = 0;
  writes = 0;
  refusal: Error | undefined;
  /** The next write is kept, and its reply lost. */
  replyLost: Error | undefined;

  get entries(): ReadonlyMap<string, string> {
    return this.#entries ?? new Map();
  }

  /** As an operator does. */
  put(id: string, text: string): void {
    this.#entries = new Map([...this.entries, [id, text]]);
    this.#version += 1;
  }

  /** Likewise. */
  delete(): void {
    this.#entries = undefined;
    this.#version += 1;
  }

  /** The journal as one process sees it. */
  open(): EntryStore {
    let known = 0;
    return {
      name: 'kube-lego/kube-lego-journal-0',
      read: async () => {
        if (this.refusal !== undefined) throw this.refusal;
        known = this.#version;
        return this.#entries;
      },
      write: async (entries) => {
        this.writes += 1;
        if (this.refusal !== undefined) throw this.refusal;
        if (known !== this.#version) throw new KubernetesError('Conflict', 'changed');
        this.#entries = entries;
        this.#version += 1;
        const lost = this.replyLost;
        this.replyLost = undefined;
        if (lost !== undefined) throw lost;
        known = this.#version;
      },
    };
  }
}
