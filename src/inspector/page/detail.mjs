import { certificateCard } from './certificate.mjs';
import { Chart } from './chart.mjs';
import { Connection } from './connection.mjs';
import { byId, element, mark } from './dom.mjs';
import { isDetail } from './frames.mjs';
import { Slot } from './slot.mjs';
import { timeline } from './timeline.mjs';
import { distance, duration, moment, splitKey } from './words.mjs';

/** @import { IngressDetail, IngressRow } from '../protocol.ts' */
/** @import { Store } from './store.mjs' */

/** One Ingress: where it is in its statechart, how it came there, its hosts and certificates. */
export class DetailPane {
  #store;
  #onClose;
  #pane = byId('detail', HTMLElement);
  #chart = new Chart();
  #key = '';
  /** @type {Connection | undefined} */
  #connection;
  /** @type {IngressDetail | undefined} */
  #detail;
  #isGone = false;
  #title = element('h2', { id: 'detail-title' });
  #facts = element('p', { class: 'facts' });
  #body = element('div', { class: 'body' });
  #trouble = new Slot('trouble-slot');
  #certificates = new Slot('certificates');
  #timeline = new Slot('timeline-slot');

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
    this.#connection?.close();
    this.#connection = undefined;
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
    const path = key.split('/').map(encodeURIComponent).join('/');
    const handlers = {
      detail: (/** @type {unknown} */ data) => {
        if (!isDetail(data)) return;
        this.#detail = data;
        this.#isGone = false;
        this.#draw(data);
      },
      gone: () => {
        this.#isGone = true;
        this.#facts.replaceChildren('This Ingress is not there, or asks for no certificate.');
        if (this.#detail === undefined) this.#body.replaceChildren();
      },
    };
    this.#connection = new Connection(`/ingresses/${path}/events`, handlers, () => undefined);
  }

  /** Times go by without news. */
  tick() {
    if (this.#detail !== undefined && !this.#isGone) this.#drawFacts(this.#detail.row);
  }

  /** @param {IngressDetail} detail */
  #draw(detail) {
    const { row, certificates, timeline: entries } = detail;
    const now = this.#store.now();
    this.#drawFacts(row);
    this.#trouble.show(row.error, () => (row.error === undefined ? [] : [troubleOf(row.error)]));
    this.#certificates.show(certificates, () => certificates.map((one) => certificateCard(one, now)));
    this.#timeline.show(entries, () => [timeline(entries)]);
    if (this.#body.childElementCount === 0) {
      const columns = element(
        'div',
        { class: 'columns' },
        this.#certificates.element,
        this.#timeline.element,
      );
      this.#body.append(this.#trouble.element, this.#chart.element, columns);
    }
    this.#chart.show(detail);
  }

  /** @param {IngressRow} row */
  #drawFacts({ state, since, next }) {
    const now = this.#store.now();
    this.#facts.replaceChildren(
      element('span', { class: `state ${state}` }, mark(state).sign, state),
      element('span', { title: `since ${moment(since)}` }, `for ${duration(now - since)}`),
    );
    if (next === undefined) return;
    const when = next.at === undefined ? '' : ` ${distance(next.at, now)}`;
    const title = next.at === undefined ? undefined : moment(next.at);
    this.#facts.append(element('span', { title }, `next: ${next.action}${when}`));
  }
}

/** @param {{ code: string, message: string }} error */
function troubleOf({ code, message }) {
  const attributes = { class: 'trouble', 'aria-label': 'Last error' };
  return element('section', attributes, element('b', {}, code), element('p', {}, message));
}
