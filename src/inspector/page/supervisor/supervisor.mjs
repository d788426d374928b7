// The pane of the supervisor: limits, queue, renewals ahead. Called by main.mjs.

import { byId, element } from '../dom.mjs';
import { morph } from '../morph.mjs';
import { distance, moment } from '../words.mjs';
import { calendar } from './calendar.mjs';
import { budgetGauge, gauge } from './gauges.mjs';

/** @import { SupervisorView } from '../../protocol.ts' */
/** @import { Store } from '../store.mjs' */

/** Milliseconds. Its times are minutes and days: updates are rare enough to select text. */
const redrawInterval = 15_000;

/** @type {readonly (readonly [keyof SupervisorView['queue'], string])[]} */
const stages = [
  ['waiting', 'wait for admission'],
  ['held', 'held by a limit'],
  ['admitted', 'prepare and check'],
  ['awaitingSlot', 'wait for an order slot'],
  ['lent', 'wait for name servers'],
  ['ordering', 'order'],
];

/** The supervisor view: queue, permits, blocks, budgets of the CA, and upcoming renewals. */
export class SupervisorPane {
  #store;
  #pane = byId('supervisor', HTMLElement);
  /** @type {SupervisorView | undefined} */
  #shown;
  #drawnAt = 0;

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {boolean} isOpen */
  toggle(isOpen) {
    const opens = isOpen && this.#pane.hidden;
    this.#pane.hidden = !isOpen;
    this.show();
    if (opens) this.#pane.focus({ preventScroll: true });
  }

  show() {
    const view = this.#store.supervisor;
    if (this.#pane.hidden || view === undefined || view === this.#shown) return;
    this.#draw(view);
  }

  /** Updates relative times. */
  tick() {
    const view = this.#store.supervisor;
    const isOld = this.#store.now() - this.#drawnAt > redrawInterval;
    if (!this.#pane.hidden && view !== undefined && isOld) this.#draw(view);
  }

  /** @param {SupervisorView} view */
  #draw(view) {
    this.#shown = view;
    const now = this.#store.now();
    this.#drawnAt = now;
    morph(this.#pane, [
      element('h2', { id: 'supervisor-title' }, 'Supervisor'),
      element('p', { class: 'standing' }, standingOf(view)),
      element(
        'div',
        { class: 'board' },
        element(
          'div',
          { class: 'side' },
          queueCard(view),
          permitCard(view),
          blockCard(view, now),
          renewalCard(view, now),
        ),
        element('div', { class: 'side' }, budgetCard(view, now)),
      ),
    ]);
  }
}

/** @param {SupervisorView} view */
function standingOf({ synced, draining }) {
  if (draining) return 'Shutting down: orders in flight are finished, nothing new is started.';
  return synced ? 'All sources of the cluster are known.' : 'Reading the sources of the cluster.';
}

/** @param {SupervisorView} view */
function queueCard({ queue, backlog }) {
  const items = stages.map(([stage, words]) =>
    element(
      'li',
      { class: `stage${queue[stage] === 0 ? ' none' : ''}` },
      element('b', {}, queue[stage].toLocaleString('en')),
      element('span', {}, words),
    ),
  );
  return card('Queue', element('ol', { class: 'stages' }, ...items), ...backlogLine(backlog));
}

/** @param {SupervisorView['backlog']} backlog */
function backlogLine(backlog) {
  if (backlog === undefined) return [];
  const { orders, withinDay, lastAt } = backlog;
  const words = `By the CA's limits ${withinDay.toLocaleString('en')} of ${orders.toLocaleString('en')} waiting orders can be made within a day, the last one at ${moment(lastAt)}.`;
  return [element('p', { class: 'calm' }, words)];
}

/** @param {SupervisorView} view */
function permitCard({ permits }) {
  return card(
    'Permits',
    ...permits.map(({ name, used, limit }) =>
      gauge({ name, level: used, capacity: limit, text: `${used} of ${limit} in use` }),
    ),
  );
}

/** @param {SupervisorView} view @param {number} now */
function blockCard({ blocks, blockCount }, now) {
  if (blocks.length === 0) return card('Blocks', element('p', { class: 'calm' }, 'The CA refuses nothing.'));
  const items = blocks.map(({ cause, scope, until }) =>
    element(
      'li',
      {},
      element('b', {}, scope),
      element('span', {}, cause),
      element('time', { title: moment(until) }, `ends ${distance(until, now)}`),
    ),
  );
  const list = element('ul', { class: 'blocks' }, ...items);
  return card(
    `Blocks (${blockCount.toLocaleString('en')})`,
    list,
    ...moreOf(blockCount - blocks.length, 'more'),
  );
}

/** @param {SupervisorView} view @param {number} now */
function budgetCard({ budgets, budgetCount }, now) {
  if (budgets.length === 0)
    return card('Budgets at the CA', element('p', { class: 'calm' }, 'All budgets are full.'));
  const gauges = budgets.map((budget) => budgetGauge(budget, now));
  return card('Budgets at the CA', ...gauges, ...moreOf(budgetCount - budgets.length, 'that are fuller'));
}

/** @param {number} count of the unlisted ones @param {string} words */
function moreOf(count, words) {
  return count > 0 ? [element('p', { class: 'calm' }, `and ${count.toLocaleString('en')} ${words}`)] : [];
}

/** @param {SupervisorView} view @param {number} now */
function renewalCard({ renewals }, now) {
  return card('Renewals of the coming 90 days', calendar(renewals, now));
}

/** @param {string} title @param {...Node} content */
function card(title, ...content) {
  return element('section', { class: 'card', 'aria-label': title }, element('h3', {}, title), ...content);
}
