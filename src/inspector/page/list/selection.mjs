import { states } from '../words.mjs';

/** @import { Entry, Store } from '../store.mjs' */

/** @typedef {'name' | 'state' | 'since' | 'next' | 'error'} SortColumn */

/** Sort key of a column before the name: most urgent first. */
const orders = /** @type {Record<SortColumn, (entry: Entry) => number>} */ ({
  name: () => 0,
  state: ({ row }) => (row.state === 'backing-off' ? -1 : states.indexOf(row.state)),
  since: ({ row }) => -row.since,
  next: ({ row }) => row.next?.at ?? Number.MAX_SAFE_INTEGER,
  error: ({ row }) => (row.error === undefined ? 1 : 0),
});

/** Filter and order of the list. */
export class Selection {
  text = '';
  namespace = '';
  /** @type {Set<string>} empty: all */
  states = new Set();
  /** @type {SortColumn} */
  column = 'name';
  descending = false;
  #membership = -1;
  /** @type {readonly Entry[]} all by name, kept as long as none comes or goes */
  #byName = [];

  /** @returns whether any filter is set */
  get isNarrow() {
    return this.text.trim() !== '' || this.namespace !== '' || this.states.size > 0;
  }

  /** @param {SortColumn} column the same one again reverses the order */
  sortBy(column) {
    this.descending = this.column === column && !this.descending;
    this.column = column;
  }

  /**
   * @param {Store} store
   * @returns {readonly Entry[]}
   */
  of(store) {
    if (this.#membership !== store.membership) {
      const keys = [...store.entries.keys()].toSorted();
      this.#byName = keys.flatMap((key) => store.entries.get(key) ?? []);
      this.#membership = store.membership;
    }
    const words = this.text
      .toLowerCase()
      .split(/\s+/u)
      .filter((word) => word !== '');
    const shown = this.isNarrow ? this.#byName.filter((entry) => this.#includes(entry, words)) : this.#byName;
    const order = orders[this.column];
    const sorted = this.column === 'name' ? shown : shown.toSorted((one, other) => order(one) - order(other));
    return this.descending ? sorted.toReversed() : sorted;
  }

  /**
   * @param {Entry} entry
   * @param {readonly string[]} words
   */
  #includes({ row, namespace, text }, words) {
    if (this.namespace !== '' && namespace !== this.namespace) return false;
    if (this.states.size > 0 && !this.states.has(row.state)) return false;
    return words.every((word) => text.includes(word));
  }
}
