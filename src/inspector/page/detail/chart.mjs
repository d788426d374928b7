import { drawn, element } from '../dom.mjs';

/** @import { IngressDetail } from '../../protocol.ts' */

/**
 * @typedef {{ name: string, x: number, y: number, width: number, height: number }} Box
 * @typedef {object} Drawing laid out by docs/generators/page-chart.ts
 * @property {[number, number, number, number]} viewBox
 * @property {[number, number]} start
 * @property {Box[]} states
 * @property {Box[]} entries the events that lead to a state from every other one
 * @property {{ from: string, to: string, path: string }[]} edges
 */

/** Milliseconds. */
const retryInterval = 5000;
/** CSS pixels from which the wide drawing is readable. */
const roomForWide = 620;

/** The statechart of an Ingress with its current state, and its path since the last check. */
export class Chart {
  #caption = element('p', { class: 'way' });
  #frame = element('div', {});
  element = element(
    'section',
    { class: 'card chart', 'aria-label': 'Statechart' },
    this.#frame,
    this.#caption,
  );
  /** @type {Map<string, SVGElement>} */
  #states = new Map();
  /** @type {Map<string, SVGElement>} */
  #edges = new Map();
  #layer = drawn('g', {});
  /** @type {{ wide: Drawing, tall: Drawing } | undefined} statechart.json */
  #drawings;
  /** @type {'wide' | 'tall'} */
  #shape = 'wide';
  /** @type {Drawing | undefined} what is shown */
  #drawing;
  /** @type {IngressDetail['path']} */
  #path = [];
  /** @type {IngressDetail['timeline']} */
  #timeline = [];

  constructor() {
    new ResizeObserver(([frame]) => {
      this.#shape = (frame?.contentRect.width ?? 0) < roomForWide ? 'tall' : 'wide';
      this.#draw();
    }).observe(this.#frame);
    void this.#load();
  }

  /** @param {Pick<IngressDetail, 'path' | 'timeline'>} detail */
  show({ path, timeline }) {
    this.#path = path;
    this.#timeline = timeline;
    const start = path.findLastIndex(({ state }) => state === 'checking');
    /** @type {readonly string[]} */
    const way = path.slice(Math.max(0, start)).map(({ state }) => state);
    const current = way.at(-1) ?? '';
    const taken = new Set(way.slice(1).map((state, index) => `${way[index]}>${state}`));
    const began = path[start]?.at ?? 0;
    const cause = timeline
      .filter(({ kind, at }) => kind === 'event' && at <= began)
      .map(({ text }) => `${text.split(' ')[0]}>checking`)
      .findLast((key) => this.#edges.has(key));
    if (cause !== undefined) taken.add(cause);
    for (const [name, state] of this.#states) {
      state.classList.toggle('current', name === current);
      state.classList.toggle('visited', way.includes(name));
    }
    for (const [key, edge] of this.#edges) {
      edge.classList.toggle('taken', taken.has(key));
      if (taken.has(key)) this.#layer.append(edge);
    }
    this.#caption.textContent = way.join(' → ');
  }

  async #load() {
    try {
      const answer = await fetch('/page/statechart.json', { signal: AbortSignal.timeout(10_000) });
      this.#drawings = await answer.json();
      this.#draw();
    } catch {
      this.#frame.replaceChildren('The drawing could not be loaded; retrying.');
      setTimeout(() => void this.#load(), retryInterval);
    }
  }

  #draw() {
    const drawing = this.#drawings?.[this.#shape];
    if (drawing === undefined || drawing === this.#drawing) return;
    this.#drawing = drawing;
    const { viewBox, start, states, entries, edges } = drawing;
    const [cx, cy] = start;
    this.#edges = new Map(
      edges.map(({ from, to, path }) => [`${from}>${to}`, drawn('path', { class: 'edge', d: path })]),
    );
    this.#states = new Map(states.map((state) => [state.name, drawnState(state)]));
    this.#layer.replaceChildren(drawn('circle', { class: 'start', cx, cy, r: 5 }), ...this.#edges.values());
    const svg = drawn(
      'svg',
      { class: this.#shape, viewBox: viewBox.join(' '), 'aria-hidden': 'true' },
      drawn('defs', {}, drawnHead('head'), drawnHead('head-taken')),
      this.#layer,
      ...entries.map(({ name, x, y, width }) =>
        drawn('text', { class: 'label', x: x + width / 2, y: y + 12 }, name),
      ),
      ...this.#states.values(),
    );
    this.#frame.replaceChildren(svg);
    this.show({ path: this.#path, timeline: this.#timeline });
  }
}

/** @param {string} id of an arrow's head */
function drawnHead(id) {
  return drawn(
    'marker',
    { id, viewBox: '0 0 10 10', refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: 'auto' },
    drawn('path', { d: 'M0 0 10 5 0 10z' }),
  );
}

/** @param {Box} box with room for the mark above the name, or beside it */
function drawnState({ name, x, y, width, height }) {
  const [middleX, middleY] = [x + width / 2, y + height / 2];
  const above = height > 60;
  const [markX, markY] = above ? [middleX - 9, middleY - 24] : [x + 10, middleY - 9];
  const [textX, textY] = above ? [middleX, middleY + 15] : [middleX + 12, middleY + 5];
  return drawn(
    'g',
    { class: `node ${name}`, 'data-state': name },
    drawn('rect', { x, y, width, height, rx: 10 }),
    drawn('use', { href: `#mark-${name}`, x: markX, y: markY, width: 18, height: 18 }),
    drawn('text', { x: textX, y: textY }, name),
  );
}
