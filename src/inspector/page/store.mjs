import { splitKey } from './words.mjs';

/** @import { ControllerView, Delta, IngressRow, Snapshot, SupervisorView } from '../protocol.ts' */

/**
 * An Ingress with the values that the list needs often.
 *
 * @typedef {object} Entry changed in place while the Ingress exists
 * @property {IngressRow} row
 * @property {string} namespace
 * @property {string} name
 * @property {string} text searched text, in lower case
 */

/** The page's data: the last state from the controller, and the number of Ingresses in each state. */
export class Store {
  /** @type {Map<string, Entry>} */
  entries = new Map();
  /** @type {Map<string, number>} */
  byState = new Map();
  /** @type {Map<string, number>} */
  byNamespace = new Map();
  /** @type {ControllerView | undefined} */
  controller;
  /** @type {SupervisorView | undefined} */
  supervisor;
  /** Changes with each added or removed Ingress. */
  membership = 0;
  /** The controller's clock minus the local one, in milliseconds. */
  #clockOffset = 0;

  /** The controller's time. */
  now() {
    return Date.now() + this.#clockOffset;
  }

  /** @param {Snapshot} snapshot */
  replace(snapshot) {
    this.entries.clear();
    this.byState.clear();
    this.byNamespace.clear();
    this.controller = snapshot.controller;
    this.setClock(snapshot.controller.now);
    this.supervisor = snapshot.supervisor;
    for (const row of snapshot.ingresses) this.#put(row);
    this.membership += 1;
  }

  /** @param {Delta} delta */
  apply(delta) {
    for (const key of delta.removed) this.#remove(key);
    for (const row of delta.upserts) this.#put(row);
    if (delta.supervisor !== undefined) this.supervisor = delta.supervisor;
  }

  /** @param {number} now the controller's time */
  setClock(now) {
    this.#clockOffset = now - Date.now();
  }

  /** @param {IngressRow} row */
  #put(row) {
    const before = this.entries.get(row.key);
    const { namespace, name } = before ?? splitKey(row.key);
    if (before === undefined) {
      count(this.byNamespace, namespace, 1);
      this.membership += 1;
    } else {
      count(this.byState, before.row.state, -1);
    }
    count(this.byState, row.state, 1);
    const text = `${namespace}/${name} ${row.hosts.join(' ')} ${row.error?.code ?? ''}`.toLowerCase();
    if (before === undefined) this.entries.set(row.key, { row, namespace, name, text });
    else Object.assign(before, { row, text });
  }

  /** @param {string} key */
  #remove(key) {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    count(this.byState, entry.row.state, -1);
    count(this.byNamespace, entry.namespace, -1);
    this.membership += 1;
  }
}

/**
 * @param {Map<string, number>} counts
 * @param {string} key
 * @param {number} difference
 */
function count(counts, key, difference) {
  const after = (counts.get(key) ?? 0) + difference;
  if (after === 0) counts.delete(key);
  else counts.set(key, after);
}
