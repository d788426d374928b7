import { drawn } from '../dom.mjs';
import { calendarDay } from '../words.mjs';

/** @import { CertificateDetail } from '../../protocol.ts' */

const width = 600;

/**
 * The lifetime of a certificate as a line: the past, the CA's suggested window, the chosen renewal time.
 *
 * @param {CertificateDetail} certificate
 * @param {number} now
 * @returns undefined if its dates are not known
 */
export function lifetime({ notBefore, notAfter, renewAt, renewalWindow }, now) {
  if (notBefore === undefined || notAfter === undefined || notAfter <= notBefore) return undefined;
  // Rounded to a tenth of a pixel, to avoid invisible redraws each second.
  const place = (/** @type {number} */ at) =>
    Math.round(10 * width * Math.min(1, Math.max(0, (at - notBefore) / (notAfter - notBefore)))) / 10;
  const words = [
    `valid from ${calendarDay(notBefore)} to ${calendarDay(notAfter)}`,
    ...(renewAt === undefined ? [] : [`renewed on ${calendarDay(renewAt)}`]),
  ].join(', ');
  const line = drawn('svg', {
    class: 'lifetime',
    viewBox: `0 0 ${width} 44`,
    role: 'img',
    'aria-label': words,
  });
  line.append(
    drawn('rect', { class: 'whole', y: 14, width, height: 8, rx: 4 }),
    drawn('rect', { class: 'over', y: 14, width: place(now), height: 8, rx: 4 }),
  );
  if (renewalWindow !== undefined) {
    const start = place(renewalWindow.start);
    const length = Math.max(3, place(renewalWindow.end) - start);
    line.append(drawn('rect', { class: 'window', x: start, y: 10, width: length, height: 16, rx: 3 }));
  }
  if (renewAt !== undefined) {
    const x = place(renewAt);
    line.append(drawn('path', { class: 'drawn', d: `M${x} 8V28` }), label(x, 41, 'renewal'));
  }
  const x = place(now);
  line.append(
    drawn('path', { class: 'now', d: `M${x - 4.5} 4h9L${x} 12z` }),
    label(x + 8, 10, 'now', 'start'),
  );
  return line;
}

/** @param {number} x @param {number} y @param {string} text @param {string} [anchor] */
function label(x, y, text, anchor = x < 30 ? 'start' : x > width - 30 ? 'end' : 'middle') {
  const clear = anchor === 'start' && x > width - 40 ? x - 16 : x;
  return drawn('text', { x: clear, y, 'text-anchor': clear === x ? anchor : 'end' }, text);
}
