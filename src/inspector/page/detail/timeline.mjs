import { element } from '../dom.mjs';
import { calendarDay, clockTime, moment } from '../words.mjs';

/** @import { TimelineEntry } from '../../protocol.ts' */

/**
 * The last events and transitions, newest first.
 *
 * @param {readonly TimelineEntry[]} entries oldest first
 */
export function timeline(entries) {
  /** @type {HTMLElement[]} */
  const items = [];
  let lastDay = '';
  for (const { at, kind, text } of entries.toReversed()) {
    const day = calendarDay(at);
    if (day !== lastDay) items.push(element('li', { class: 'date' }, day));
    lastDay = day;
    const time = element('time', { datetime: new Date(at).toISOString(), title: moment(at) }, clockTime(at));
    items.push(element('li', { class: kind }, time, element('span', {}, text)));
  }
  return element(
    'section',
    { class: 'card timeline', 'aria-label': 'Timeline' },
    element('h3', {}, 'Timeline'),
    items.length === 0
      ? element('p', { class: 'calm' }, 'Nothing recorded yet.')
      : element('ol', { tabindex: 0, 'aria-label': 'Events and transitions, newest first' }, ...items),
  );
}
