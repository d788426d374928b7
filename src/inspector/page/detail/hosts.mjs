import { element, mark } from '../dom.mjs';
import { moment } from '../words.mjs';

/** @import { HostProgress, HostStep } from '../../protocol.ts' */

/** @type {readonly (readonly [HostStep, string])[]} */
const steps = [
  ['dns', 'DNS'],
  ['route', 'Route'],
  ['self-check', 'Self-check'],
  ['record', 'DNS record'],
  ['challenge', 'Challenge'],
  ['authorization', 'Authorization'],
  ['order', 'Order'],
  ['secret', 'Secret'],
];

/**
 * The progress of each host.
 *
 * @param {readonly HostProgress[]} hosts
 */
export function hostTable(hosts) {
  const head = element('tr', {}, element('th', { scope: 'col' }, 'Host'));
  const shown = steps.filter(([name]) => hosts.some((host) => host.steps.some(({ step }) => step === name)));
  for (const [, words] of shown) head.append(element('th', { scope: 'col' }, words));
  const body = element('tbody', {});
  /** @type {Set<string>} */
  const said = new Set();
  for (const host of hosts) body.append(...hostRows(host, shown, said));
  return element(
    'div',
    { class: 'scroller' },
    element('table', { class: 'steps' }, element('thead', {}, head), body),
  );
}

/**
 * @param {HostProgress} progress
 * @param {typeof steps} shown the columns; a host has not all of them
 * @param {Set<string>} said texts already shown above: an error of the order applies to all its hosts, and is shown once
 */
function hostRows({ host, steps: reached }, shown, said) {
  const row = element('tr', {}, element('th', { scope: 'row' }, ...breakable(host)));
  /** @type {HTMLElement[]} */
  const remarks = [];
  for (const [name, words] of shown) {
    const step = reached.find((one) => one.step === name);
    if (step === undefined) {
      row.append(element('td', {}));
      continue;
    }
    const { state } = step;
    const title = [
      state,
      ...(step?.at === undefined ? [] : [moment(step.at)]),
      ...(step?.detail === undefined ? [] : [step.detail]),
    ];
    const cell = element('td', { class: state, title: title.join(' · ') });
    cell.append(mark(state).sign, element('span', { class: 'hidden' }, state));
    row.append(cell);
    if (step?.detail === undefined || state === 'done') continue;
    const remark = ` ${step.detail}`;
    if (said.has(remark)) continue;
    said.add(remark);
    remarks.push(element('p', {}, element('b', {}, `${words}: ${state}.`), remark));
  }
  if (remarks.length === 0) return [row];
  return [row, element('tr', { class: 'remark' }, element('td', { colspan: steps.length + 1 }, ...remarks))];
}

/**
 * The name with a possible line break after each dot.
 *
 * @param {string} host
 */
function breakable(host) {
  return host
    .split('.')
    .flatMap((label, index) => (index === 0 ? [label] : ['.', element('wbr', {}), label]));
}
