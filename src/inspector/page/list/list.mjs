// The list of sources with its filters, selection and totals. Called by main.mjs.

import { byId, element } from '../dom.mjs';
import { Row } from './row.mjs';

/** @import { Entry } from '../store.mjs' */
/** @import { SortColumn } from './selection.mjs' */

/** @type {readonly { name: string, label: string, sort: SortColumn | undefined }[]} */
const columns = [
  { name: 'ingress', label: 'Source', sort: 'name' },
  { name: 'hosts', label: 'Hosts', sort: undefined },
  { name: 'state', label: 'State', sort: 'state' },
  { name: 'since', label: 'For', sort: 'since' },
  { name: 'next', label: 'Next', sort: 'next' },
  { name: 'error', label: 'Last error', sort: 'error' },
];
/** Extra rows beyond each edge, so that scrolling shows no gap. */
const overscan = 6;

/**
 * The virtual list: only visible rows exist. The grid keeps the focus, and `aria-activedescendant` names the active row.
 */
export class List {
  #grid = byId('list', HTMLElement);
  #space = byId('rows', HTMLElement);
  #window = element('div', { class: 'window', role: 'presentation' });
  /** @type {Row[]} */
  #rows = [];
  /** @type {readonly Entry[]} */
  #entries = [];
  /** @type {Map<SortColumn, HTMLElement>} */
  #heads = new Map();
  #active = -1;
  #activeKey = '';
  #openKey = '';
  #rowHeight = 36;
  #headHeight = 0;
  #now;
  #onOpen;

  /**
   * @param {{ now: () => number, onOpen: (key: string) => void, onSort: (column: SortColumn) => void }} options
   */
  constructor({ now, onOpen, onSort }) {
    this.#now = now;
    this.#onOpen = onOpen;
    this.#space.append(this.#window);
    this.#addHead(onSort);
    this.#grid.addEventListener('scroll', () => this.render(), { passive: true });
    this.#grid.addEventListener('keydown', (event) => this.#onKey(event));
    this.#window.addEventListener('click', (event) => this.#onClick(event));
    new ResizeObserver(() => this.#measure()).observe(this.#grid);
  }

  /** @param {readonly Entry[]} entries */
  show(entries) {
    this.#entries = entries;
    this.#grid.setAttribute('aria-rowcount', String(entries.length + 1));
    this.#space.style.height = `${entries.length * this.#rowHeight}px`;
    if (entries[this.#active]?.row.key !== this.#activeKey) {
      this.#active = entries.findIndex(({ row }) => row.key === this.#activeKey);
    }
    this.render();
  }

  /** Updates the visible rows. */
  render() {
    const height = this.#rowHeight;
    const first = Math.max(0, Math.floor(this.#grid.scrollTop / height) - overscan);
    const inSight = Math.ceil(this.#grid.clientHeight / height) + 2 * overscan;
    const last = Math.min(this.#entries.length, first + inSight);
    const now = this.#now();
    while (this.#rows.length < last - first) {
      const row = new Row();
      this.#rows.push(row);
      this.#window.append(row.element);
    }
    this.#window.style.transform = `translateY(${first * height}px)`;
    for (const [place, row] of this.#rows.entries()) {
      const index = first + place;
      const entry = index < last ? this.#entries[index] : undefined;
      row.element.hidden = entry === undefined;
      if (entry === undefined) continue;
      const { key } = entry.row;
      row.show(entry, { index, now, active: index === this.#active, open: key === this.#openKey });
    }
    if (this.#active >= first && this.#active < last) {
      this.#grid.setAttribute('aria-activedescendant', `row-${this.#active}`);
    } else {
      this.#grid.removeAttribute('aria-activedescendant');
    }
  }

  /** @param {string} key of the Ingress whose detail is open, or '' */
  markOpen(key) {
    this.#openKey = key;
    if (key !== '') {
      this.#activeKey = key;
      this.#active = this.#entries.findIndex(({ row }) => row.key === key);
    }
    this.render();
  }

  /** @param {SortColumn} column @param {boolean} descending */
  markSorted(column, descending) {
    for (const [name, head] of this.#heads) {
      const direction = descending ? 'descending' : 'ascending';
      head.setAttribute('aria-sort', name === column ? direction : 'none');
    }
  }

  focus() {
    this.#grid.focus({ preventScroll: true });
  }

  toTop() {
    this.#grid.scrollTop = 0;
  }

  /** @param {(column: SortColumn) => void} onSort */
  #addHead(onSort) {
    for (const { name, label, sort } of columns) {
      const head = element('div', { class: `cell ${name}`, role: 'columnheader' });
      if (sort === undefined) head.append(label);
      else {
        const button = element('button', { type: 'button' }, label);
        button.addEventListener('click', () => onSort(sort));
        head.append(button);
        this.#heads.set(sort, head);
      }
      byId('head', HTMLElement).append(head);
    }
    this.markSorted('name', false);
  }

  #measure() {
    const style = getComputedStyle(this.#grid);
    this.#rowHeight = Number.parseFloat(style.getPropertyValue('--row-height')) || 36;
    this.#headHeight = byId('head', HTMLElement).offsetHeight;
    this.#space.style.height = `${this.#entries.length * this.#rowHeight}px`;
    this.render();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const target = event.target instanceof Element ? event.target.closest('.row') : undefined;
    const row = this.#rows.find((row) => row.element === target);
    if (row === undefined) return;
    this.#activate(this.#entries.findIndex((entry) => entry.row.key === row.key));
    this.#onOpen(row.key);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.target !== this.#grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.#grid.clientHeight / this.#rowHeight) - 2);
    const end = this.#entries.length - 1;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: end,
    });
    const step = steps[event.key];
    if (step !== undefined) this.#activate(Math.min(Math.max(step, 0), end));
    else if (event.key === 'Enter' && this.#active >= 0) this.#onOpen(this.#activeKey);
    else return;
    event.preventDefault();
  }

  /** @param {number} index */
  #activate(index) {
    this.#active = index;
    this.#activeKey = this.#entries[index]?.row.key ?? '';
    const top = index * this.#rowHeight;
    const room = this.#grid.clientHeight - this.#headHeight - this.#rowHeight;
    if (top < this.#grid.scrollTop) this.#grid.scrollTop = top;
    else if (top > this.#grid.scrollTop + room) this.#grid.scrollTop = top - room;
    this.render();
  }
}
