import { drawn, element } from '../dom.mjs';
import { distance, moment } from '../words.mjs';

/** @import { SupervisorView } from '../../protocol.ts' */

/** @type {Readonly<Record<SupervisorView['budgets'][number]['limit'], string>>} */
const limitNames = {
  'orders-per-account': 'New orders',
  'certificates-per-registered-domain': 'Certificates',
  'certificates-per-exact-set': 'Same names',
  'authorization-failures': 'Failures left',
  'consecutive-authorization-failures': 'Failures in a row left',
};

/**
 * A bar of proportional length, with the numbers beside it.
 *
 * @param {{ name: string, level: number, capacity: number, text: string, reserved?: number, low?: boolean }} of
 */
export function gauge({ name, level, capacity, text, reserved = 0, low = false }) {
  const share = capacity === 0 ? 0 : Math.min(1, Math.max(0, level / capacity));
  const kept = capacity === 0 ? 0 : Math.min(1, reserved / capacity);
  const bar = drawn(
    'svg',
    {
      class: `meter${low ? ' low' : ''}`,
      viewBox: '0 0 100 8',
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    },
    drawn('rect', { class: 'track', width: 100, height: 8 }),
    drawn('rect', { class: 'level', width: 100 * share, height: 8 }),
    drawn('rect', { class: 'reserve', x: 100 * kept - 0.4, width: kept === 0 ? 0 : 0.8, height: 8 }),
  );
  const attributes = {
    class: 'gauge',
    role: 'meter',
    'aria-label': name,
    'aria-valuemin': 0,
    'aria-valuemax': capacity,
    'aria-valuenow': level,
    'aria-valuetext': text,
  };
  return element(
    'div',
    attributes,
    element('span', { class: 'what' }, name),
    element('span', { class: 'much' }, text),
    bar,
  );
}

/** @param {SupervisorView['budgets'][number]} budget @param {number} now */
export function budgetGauge({ limit, scope, level, capacity, reserved, nextFirst, nextRenewal }, now) {
  const low = level <= reserved;
  const made = gauge({
    name: `${limitNames[limit]} · ${scope}`,
    level,
    capacity,
    reserved,
    low,
    text: `${level} of ${capacity}${low ? ' · low' : ''}`,
  });
  const first = nextFirst <= now ? 'available now' : `next ${distance(nextFirst, now)}`;
  const renewal = nextRenewal <= now ? '' : `, a renewal ${distance(nextRenewal, now)}`;
  made.append(
    element(
      'span',
      { class: 'free', title: nextFirst <= now ? '' : moment(nextFirst) },
      `${first}${renewal}`,
    ),
  );
  return made;
}
