import { byId, element, setText } from '../dom.mjs';
import { counted, duration, moment } from '../words.mjs';

/** @import { Standing } from '../connection.mjs' */
/** @import { Store } from '../store.mjs' */

/** @type {Readonly<Record<Standing, string>>} */
const standings = { connecting: 'Connecting', live: 'Live', reconnecting: 'Not live, reconnecting…' };

/** Controller, connection and queue, above and below the list. */
export class Summary {
  #store;
  #about = byId('about', HTMLElement);
  #foot = byId('foot', HTMLElement);
  #footText = '';

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {Standing} standing */
  showStanding(standing) {
    const place = byId('connection', HTMLElement);
    place.classList.toggle('live', standing === 'live');
    setText(byId('connection-text', HTMLElement), standings[standing]);
  }

  /** @param {number} shown number of Ingresses in the list */
  show(shown) {
    this.#showController();
    const { supervisor, entries } = this.#store;
    if (supervisor === undefined) return;
    const { queue, permits, blockCount, budgets } = supervisor;
    const [tightest] = budgets;
    const all = entries.size;
    /** @type {[string, string][]} */
    const facts = [
      [
        shown === all
          ? counted(all, 'source', 'sources')
          : `${shown.toLocaleString('en')} of ${all.toLocaleString('en')}`,
        'shown',
      ],
      [counted(queue.waiting + queue.held, 'certificate'), 'waiting'],
      ...permits.map(({ name, used, limit }) => /** @type {[string, string]} */ ([`${used}/${limit}`, name])),
      ...(blockCount === 0
        ? []
        : [/** @type {[string, string]} */ ([counted(blockCount, 'block'), 'by the CA'])]),
      ...(tightest === undefined
        ? []
        : [
            /** @type {[string, string]} */ ([
              `${tightest.level}/${tightest.capacity}`,
              `left for ${tightest.scope}`,
            ]),
          ]),
    ];
    const text = facts.flat().join('\n');
    if (text === this.#footText) return;
    this.#footText = text;
    this.#foot.replaceChildren(
      ...facts.map(([number, words]) => element('span', {}, element('b', {}, number), ` ${words}`)),
    );
  }

  #showController() {
    const { controller } = this.#store;
    if (controller === undefined) return;
    const { version, pod, startedAt } = controller;
    setText(this.#about, `${version} · ${pod} · up ${duration(this.#store.now() - startedAt)}`);
    this.#about.title = `since ${moment(startedAt)}`;
  }
}
