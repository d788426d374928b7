import { element } from './dom.mjs';

/** A place for a part of the page that is built anew only when what it shows is another: focus and scrolling stay. */
export class Slot {
  element;
  #shown = '';

  /** @param {string} name its class */
  constructor(name) {
    this.element = element('div', { class: name });
  }

  /**
   * @param {unknown} data what the part is built of
   * @param {() => readonly Node[]} build
   */
  show(data, build) {
    const text = JSON.stringify(data) ?? '';
    if (text === this.#shown && text !== '') return;
    this.#shown = text;
    const scrolled = this.element.querySelector('ol')?.scrollTop ?? 0;
    this.element.replaceChildren(...build());
    const list = this.element.querySelector('ol');
    if (list !== null && scrolled > 0) list.scrollTop = scrolled;
  }
}
