import { drawn, element } from '../dom.mjs';
import { counted, day } from '../words.mjs';

/** @import { SupervisorView } from '../../protocol.ts' */

const days = 90;
const cell = 44;
const height = 28;
const left = 40;
const top = 22;
const weekdays = ['Mon', '', 'Wed', '', 'Fri', '', 'Sun'];

/**
 * A week is a column, a day a cell with its number of renewals; darker cells have more.
 *
 * @param {SupervisorView['renewals']} renewals
 * @param {number} now
 */
export function calendar(renewals, now) {
  const today = Math.floor(now / day) * day;
  const counts = new Map(renewals.map(({ day, count }) => [day, count]));
  const most = Math.max(1, ...counts.values());
  const firstWeekday = weekdayOf(today);
  const total = renewals.reduce((sum, { count }) => sum + count, 0);
  const weeks = Math.ceil((firstWeekday + days) / 7);
  const words = `${counted(total, 'renewal')} in 90 days, at most ${most} a day`;
  const drawing = drawn('svg', {
    class: 'calendar',
    viewBox: `0 0 ${left + weeks * cell} ${top + 7 * height}`,
    role: 'img',
    'aria-label': words,
  });
  for (const [index, name] of weekdays.entries()) {
    drawing.append(drawn('text', { class: 'weekday', x: 0, y: top + index * height + 18 }, name));
  }
  for (let index = 0; index < days; index += 1) {
    const date = new Date(today + index * day);
    const place = firstWeekday + index;
    const x = left + Math.floor(place / 7) * cell;
    const y = top + (place % 7) * height;
    const dayOfMonth = date.getUTCDate();
    if (dayOfMonth === 1 || index === 0) {
      drawing.append(drawn('text', { class: 'month', x, y: 14 }, monthOf(date, index === 0)));
    }
    drawing.append(field(x, y, counts.get(date.getTime()) ?? 0, most, date, index === 0));
  }
  return element(
    'div',
    { class: 'plot' },
    drawing,
    element('p', { class: 'calm' }, `${words}. Days are UTC.`),
  );
}

/** @param {number} x @param {number} y @param {number} count @param {number} most @param {Date} date @param {boolean} isToday */
function field(x, y, count, most, date, isToday) {
  const depth = count === 0 ? 0 : Math.ceil((4 * count) / most);
  const title = `${date.toISOString().slice(0, 10)}: ${counted(count, 'renewal')}`;
  const group = drawn(
    'g',
    { class: `day depth-${depth}${isToday ? ' today' : ''}` },
    drawn('title', {}, title),
  );
  group.append(drawn('rect', { x: x + 1, y: y + 1, width: cell - 3, height: height - 3, rx: 4 }));
  if (count > 0) group.append(drawn('text', { x: x + cell / 2 - 0.5, y: y + 18 }, short(count)));
  return group;
}

/** @param {number} at */
function weekdayOf(at) {
  return (new Date(at).getUTCDay() + 6) % 7;
}

/** @param {Date} date @param {boolean} isFirst */
function monthOf(date, isFirst) {
  if (isFirst && date.getUTCDate() > 20) return '';
  return date.toLocaleString('en', { month: 'short', timeZone: 'UTC' });
}

/** @param {number} count */
function short(count) {
  return count < 1000 ? String(count) : `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)}k`;
}
