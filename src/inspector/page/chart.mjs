import { drawn, element } from './dom.mjs';

/** @import { IngressDetail } from '../protocol.ts' */

/**
 * @typedef {object} Drawing what statechart.json holds, generated from the machine
 * @property {[number, number, number, number]} viewBox
 * @property {[number, number]} start
 * @property {{ name: string, x: number, y: number, width: number, height: number }[]} states
 * @property {{ from?: string, to: string, path: string, label?: string, at?: [number, number] }[]} edges
 */

/** Milliseconds. */
const retryInterval = 5000;

/** The statechart of an Ingress with the present state lit, and the way it took since its last check. */
export class Chart {
  #caption = element('p', { class: 'way' });
  #scroller = element('div', { class: 'scroller', tabindex: 0, role: 'group', 'aria-label': 'Statechart' });
  element = element(
    'section',
    { class: 'card chart', 'aria-label': 'Statechart' },
    this.#scroller,
    this.#caption,
  );
  /** @type {Map<string, SVGElement>} */
  #states = new Map();
  /** @type {Map<string, SVGElement>} */
  #edges = new Map();
  #layer = drawn('g', {});
  #current = '';
  /** @type {IngressDetail['path']} */
  #path = [];
  /** @type {IngressDetail['timeline']} */
  #timeline = [];

  constructor() {
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
    if (current !== this.#current) this.#bringIntoSight(current);
    this.#current = current;
  }

  /** @param {string} name where there is no room for all */
  #bringIntoSight(name) {
    const state = this.#states.get(name);
    if (state === undefined) return;
    const { left, width } = state.getBoundingClientRect();
    const frame = this.#scroller.getBoundingClientRect();
    this.#scroller.scrollLeft += left + width / 2 - frame.left - frame.width / 2;
  }

  async #load() {
    try {
      const answer = await fetch('/page/statechart.json', { signal: AbortSignal.timeout(10_000) });
      this.#draw(await answer.json());
      this.#current = '';
      this.show({ path: this.#path, timeline: this.#timeline });
    } catch {
      this.#scroller.replaceChildren('The drawing could not be loaded; it is tried again.');
      setTimeout(() => void this.#load(), retryInterval);
    }
  }

  /** @param {Drawing} drawing */
  #draw({ viewBox, start, states, edges }) {
    const [x, y] = start;
    const svg = drawn('svg', { viewBox: viewBox.join(' '), 'aria-hidden': 'true' });
    svg.append(
      drawn(
        'defs',
        {},
        ...['head', 'head-taken'].map((id) =>
          drawn(
            'marker',
            { id, viewBox: '0 0 10 10', refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: 'auto' },
            drawn('path', { d: 'M0 0 10 5 0 10z' }),
          ),
        ),
      ),
      this.#layer,
    );
    for (const { from = '', to, path, label, at } of edges) {
      const edge = drawn('path', { class: 'edge', d: path });
      // From anywhere it is an event that leads there: which one it was, the timeline says.
      this.#edges.set(`${from === '' ? label : from}>${to}`, edge);
      this.#layer.append(edge);
      if (label === undefined || at === undefined) continue;
      svg.append(drawn('text', { class: 'label', x: at[0], y: at[1] }, label));
    }
    this.#layer.append(
      drawn('circle', { class: 'start', cx: x, cy: y, r: 5 }),
      drawn('path', { class: 'edge', d: `M${x} ${y}H${states[0]?.x ?? x}` }),
    );
    for (const state of states) {
      const { name, width, height } = state;
      const group = drawn(
        'g',
        { class: `node ${name}`, 'data-state': name },
        drawn('rect', { x: state.x, y: state.y, width, height, rx: 10 }),
        drawn('use', {
          href: `#mark-${name}`,
          x: state.x + width / 2 - 9,
          y: state.y + height / 2 - 24,
          width: 18,
          height: 18,
        }),
        drawn('text', { x: state.x + width / 2, y: state.y + height / 2 + 15 }, name),
      );
      if (height < 60) {
        const [, use, text] = group.children;
        use?.setAttribute('y', String(state.y + height / 2 - 9));
        use?.setAttribute('x', String(state.x + 5));
        text?.setAttribute('x', String(state.x + width / 2 + 10));
        text?.setAttribute('y', String(state.y + height / 2 + 5));
      }
      this.#states.set(name, group);
      svg.append(group);
    }
    this.#scroller.replaceChildren(svg);
  }
}
