// The pane of one source: statechart, hosts, certificates, timeline. Called by main.mjs.

import { byId, element, mark } from '../dom.mjs';
import { morph } from '../morph.mjs';
import { distance, duration, moment, splitKey } from '../words.mjs';
import { certificateCard } from './certificate.mjs';
import { Chart } from './chart.mjs';
import { timeline } from './timeline.mjs';

/** @import { IngressDetail, IngressRow } from '../../protocol.ts' */
/** @import { Store } from '../store.mjs' */

/** One Ingress: state, path, hosts and certificates. */
export class DetailPane {
  #store;
  #onClose;
  #pane = byId('detail', HTMLElement);
  #chart = new Chart();
  #key = '';
  /** @type {IngressDetail | undefined} */
  #detail;
  #isGone = false;
  #title = element('h2', { id: 'detail-title' });
  #facts = element('p', { class: 'facts' });
  #body = element('div', { class: 'body' });
  #trouble = element('div', { class: 'trouble-slot' });
  #certificates = element('div', { class: 'certificates' });
  #timeline = element('div', {});

  /**
   * @param {Store} store
   * @param {() => void} onClose
   */
  constructor(store, onClose) {
    this.#store = store;
    this.#onClose = onClose;
    const close = element('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '×');
    close.addEventListener('click', () => this.#onClose());
    this.#pane.append(element('header', { class: 'heading' }, this.#title, close, this.#facts), this.#body);
  }

  /** @param {string} key of the Ingress to show, or '' for none */
  open(key) {
    if (key === this.#key) return;
    this.#key = key;
    this.#detail = undefined;
    this.#isGone = false;
    this.#pane.hidden = key === '';
    if (key === '') return;
    const { namespace, name } = splitKey(key);
    this.#title.replaceChildren(element('span', { class: 'namespace' }, `${namespace}/`), name);
    this.#facts.replaceChildren('Loading');
    this.#body.replaceChildren();
    this.#pane.scrollTop = 0;
    this.#pane.focus({ preventScroll: true });
  }

  /** @param {IngressDetail} detail of the current or a previous Ingress */
  show(detail) {
    if (detail.row.key !== this.#key) return;
    this.#detail = detail;
    this.#isGone = false;
    this.#draw(detail);
    morph(this.#timeline, [timeline(detail.timeline)]);
    this.#chart.show(detail);
  }

  showGone() {
    if (this.#key === '') return;
    this.#isGone = true;
    this.#facts.replaceChildren('This source does not exist, or requests no certificate.');
    if (this.#detail === undefined) this.#body.replaceChildren();
  }

  /** Updates relative times. */
  tick() {
    if (this.#detail !== undefined && !this.#isGone) this.#draw(this.#detail);
  }

  /** @param {IngressDetail} detail */
  #draw({ row, certificates }) {
    const now = this.#store.now();
    this.#drawFacts(row);
    morph(this.#trouble, row.error === undefined ? [] : [troubleOf(row.error)]);
    morph(
      this.#certificates,
      certificates.map((one) => certificateCard(one, now, row.error?.message)),
    );
    if (this.#body.childElementCount > 0) return;
    const columns = element('div', { class: 'columns' }, this.#certificates, this.#timeline);
    this.#body.append(this.#trouble, this.#chart.element, columns);
  }

  /** @param {IngressRow} row */
  #drawFacts({ state, since, next }) {
    const now = this.#store.now();
    const facts = [
      element('span', { class: `state ${state}` }, mark(state).sign, state),
      element('span', { title: `since ${moment(since)}` }, `for ${duration(now - since)}`),
    ];
    if (next !== undefined) {
      const when = next.at === undefined ? '' : ` ${distance(next.at, now)}`;
      const title = next.at === undefined ? undefined : moment(next.at);
      facts.push(element('span', { title }, `next: ${next.action}${when}`));
    }
    morph(this.#facts, facts);
  }
}

/** @param {{ code: string, message: string }} error */
function troubleOf({ code, message }) {
  const attributes = { class: 'trouble', 'aria-label': 'Last error' };
  return element('section', attributes, element('b', {}, code), element('p', {}, message));
}
