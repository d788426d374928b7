import { element, mark, setText } from '../dom.mjs';
import { distance, duration, moment } from '../words.mjs';

/** @import { Entry } from '../store.mjs' */

/** A row of the list, reused for other Ingresses while scrolling. */
export class Row {
  #name = element('span', { class: 'name' });
  #namespace = element('span', { class: 'namespace' });
  #host = element('span', { class: 'host' });
  #more = element('span', { class: 'more' });
  #mark = mark('idle');
  #state = element('span', {});
  #since = cell('since');
  #action = element('span', { class: 'action' });
  #when = element('span', { class: 'when' });
  #code = element('b', {});
  #message = element('span', {});
  #stateCell = cell('state', this.#mark.sign, this.#state);
  #nextCell = cell('next', this.#when, ' ', this.#action);
  #errorCell = cell('error', this.#code, ' ', this.#message);
  element = element(
    'div',
    { class: 'row', role: 'row' },
    cell('ingress', this.#namespace, this.#name),
    cell('hosts', this.#host, ' ', this.#more),
    this.#stateCell,
    this.#since,
    this.#nextCell,
    this.#errorCell,
  );
  /** @type {Entry['row'] | undefined} */
  #shown;
  key = '';

  /**
   * @param {Entry} entry
   * @param {{ index: number, now: number, active: boolean, open: boolean }} place `index` among those shown
   */
  show(entry, { index, now, active, open }) {
    if (entry.row !== this.#shown) this.#write(entry);
    setText(this.#since, duration(now - entry.row.since));
    const { next } = entry.row;
    const when = next?.at === undefined ? '' : distance(next.at, now);
    setText(this.#when, when);
    const id = `row-${index}`;
    if (this.element.id !== id) {
      this.element.id = id;
      this.element.setAttribute('aria-rowindex', String(index + 2));
      this.element.classList.toggle('odd', index % 2 === 1);
    }
    this.element.classList.toggle('active', active);
    if (this.element.getAttribute('aria-selected') !== String(open)) {
      this.element.setAttribute('aria-selected', String(open));
    }
  }

  /** @param {Entry} entry */
  #write(entry) {
    const { row, namespace, name } = entry;
    const before = this.#shown;
    const sameIngress = this.key === row.key;
    this.#shown = row;
    this.key = row.key;
    setText(this.#name, name);
    setText(this.#namespace, `${namespace}/`);
    const [host = '', ...others] = row.hosts;
    setText(this.#host, host);
    setText(this.#more, others.length === 0 ? '' : `+${others.length}`);
    if (before?.state !== row.state) {
      this.#mark.use.setAttribute('href', `#mark-${row.state}`);
      this.#mark.sign.setAttribute('class', `mark ${row.state}`);
      this.#stateCell.className = `cell state ${row.state}`;
    }
    setText(this.#state, row.state);
    setText(this.#action, row.next?.action ?? '');
    // In full, where the cells are cut off.
    const { action = '', at } = row.next ?? {};
    this.#nextCell.title = at === undefined ? action : `${action}: ${moment(at)}`;
    setText(this.#code, row.error?.code ?? '');
    setText(this.#message, row.error?.message ?? '');
    this.#errorCell.title = row.error === undefined ? '' : `${row.error.code}: ${row.error.message}`;
    if (sameIngress && before !== undefined && before.state !== row.state) flash(this.element);
  }
}

/**
 * Highlights a change, without moving anything.
 *
 * @param {HTMLElement} row
 */
function flash(row) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  row.animate([{ backgroundColor: 'var(--flash)' }, {}], { duration: 900, easing: 'ease-out' });
}

/**
 * @param {string} name
 * @param {...(Node | string)} children
 */
function cell(name, ...children) {
  return element('div', { class: `cell ${name}`, role: 'gridcell' }, ...children);
}
