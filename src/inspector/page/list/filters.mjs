import { byId, element, mark, setText } from '../dom.mjs';
import { states } from '../words.mjs';

/** @import { Selection } from './selection.mjs' */
/** @import { Store } from '../store.mjs' */

/** The filters: counts per state, search, namespace. */
export class Filters {
  #selection;
  #onChange;
  #search = byId('search', HTMLInputElement);
  #namespace = byId('namespace', HTMLSelectElement);
  /** @type {Map<string, { button: HTMLButtonElement, count: HTMLElement }>} */
  #chips = new Map();
  #membership = -1;

  /**
   * @param {Selection} selection is changed in place
   * @param {() => void} onChange
   */
  constructor(selection, onChange) {
    this.#selection = selection;
    this.#onChange = onChange;
    byId('states', HTMLElement).append(...states.map((state) => this.#addChip(state)));
    byId('tools', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault());
    this.#search.addEventListener('input', () => {
      selection.text = this.#search.value;
      onChange();
    });
    this.#namespace.addEventListener('change', () => {
      selection.namespace = this.#namespace.value;
      onChange();
    });
  }

  /** @param {Store} store */
  show(store) {
    for (const [state, { button, count }] of this.#chips) {
      const number = store.byState.get(state) ?? 0;
      setText(count, number.toLocaleString('en'));
      button.classList.toggle('none', number === 0);
    }
    if (this.#membership === store.membership) return;
    this.#membership = store.membership;
    this.#listNamespaces(store);
  }

  focus() {
    this.#search.focus();
    this.#search.select();
  }

  /** Resets all filters. */
  clear() {
    this.#selection.text = this.#search.value = '';
    this.#selection.namespace = this.#namespace.value = '';
    this.#selection.states.clear();
    for (const { button } of this.#chips.values()) button.setAttribute('aria-pressed', 'false');
    this.#onChange();
  }

  /** @param {string} state */
  #addChip(state) {
    const count = element('b', {}, '0');
    const label = element('span', {}, state);
    const attributes = { type: 'button', class: `chip ${state}`, 'aria-pressed': 'false', title: state };
    const button = element('button', attributes, mark(state).sign, label, count);
    button.addEventListener('click', () => {
      const { states } = this.#selection;
      if (!states.delete(state)) states.add(state);
      button.setAttribute('aria-pressed', String(states.has(state)));
      this.#onChange();
    });
    this.#chips.set(state, { button, count });
    return button;
  }

  /** @param {Store} store */
  #listNamespaces(store) {
    const names = [...store.byNamespace.keys()].toSorted();
    const listed = [...this.#namespace.options].slice(1).map(({ value }) => value);
    if (names.length === listed.length && names.every((name, index) => name === listed[index])) return;
    const chosen = this.#namespace.value;
    const options = names.map((name) => element('option', { value: name }, name));
    this.#namespace.replaceChildren(element('option', { value: '' }, 'All namespaces'), ...options);
    this.#namespace.value = store.byNamespace.has(chosen) ? chosen : '';
    this.#selection.namespace = this.#namespace.value;
  }
}
