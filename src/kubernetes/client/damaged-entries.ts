import type { EntryStore } from './entry-store.ts';

export interface DamagedEntriesOptions {
  readonly store: Pick<EntryStore, 'name'>;
  /** What the entries are of, as in `the order journal`. */
  readonly record: string;
  /** What is lost, and what to do; sentences. */
  readonly remedy: string;
  readonly onTrouble: ((trouble: string) => void) | undefined;
}

/** The entries of a record that cannot be read. Each is reported once, and left as it is: a person may mend it, or know what it was. */
export class DamagedEntries {
  readonly #options: DamagedEntriesOptions;
  readonly #texts = new Map<string, string>();

  constructor(options: DamagedEntriesOptions) {
    this.#options = options;
  }

  /** @returns undefined if it cannot be read */
  read<T>(id: string, text: string, read: (id: string, text: string) => T | undefined): T | undefined {
    if (this.#texts.get(id) === text) return undefined;
    const entry = read(id, text);
    if (entry !== undefined) {
      this.#texts.delete(id);
      return entry;
    }
    this.#texts.set(id, text);
    const { onTrouble, record, remedy, store } = this.#options;
    onTrouble?.(
      `The entry ${id} of ${record}, Secret ${store.name}, cannot be read and is left alone. ${remedy}`,
    );
    return undefined;
  }

  /** Those among these entries; others are forgotten. */
  among(entries: ReadonlyMap<string, string>): (readonly [id: string, text: string])[] {
    for (const [id, text] of this.#texts) if (entries.get(id) !== text) this.#texts.delete(id);
    return [...this.#texts];
  }
}
