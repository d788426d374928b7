const minute = 60_000;
const hour = 60 * minute;
export const day = 24 * hour;

/** All states of an Ingress, in their usual order. */
export const states = /** @type {const} */ ([
  'checking',
  'queued',
  'provisioning-challenge',
  'validating',
  'storing',
  'backing-off',
  'idle',
]);

/**
 * A duration in at most two units: `4 s`, `12 min`, `3 h 20 min`, `5 d`.
 *
 * @param {number} length milliseconds
 */
export function duration(length) {
  const rest = Math.max(0, length);
  if (rest < minute) return `${Math.floor(rest / 1000)} s`;
  if (rest < hour) return `${Math.floor(rest / minute)} min`;
  const minutes = Math.floor((rest % hour) / minute);
  if (rest < 10 * hour && minutes > 0) return `${Math.floor(rest / hour)} h ${minutes} min`;
  if (rest < 2 * day) return `${Math.floor(rest / hour)} h`;
  return `${Math.floor(rest / day)} d`;
}

/**
 * Relative time: `in 5 d`, `now`, `3 min ago`.
 *
 * @param {number} at
 * @param {number} now
 */
export function distance(at, now) {
  if (Math.abs(at - now) < 1000) return 'now';
  return at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`;
}

/**
 * A time in the viewer's time zone, to the second.
 *
 * @param {number} at
 */
export function moment(at) {
  const date = new Date(at);
  return `${calendarDay(at)} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** @param {number} at */
export function clockTime(at) {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** @param {number} at */
export function calendarDay(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [several]
 */
export function counted(count, one, several = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : several}`;
}

/**
 * The display name, with the kind if it is not an Ingress.
 * @param {string} key `KIND/NAMESPACE/NAME`
 */
export function splitKey(key) {
  const [kind, namespace = '', name = ''] = key.split('/');
  return { namespace, name: kind === 'Ingress' ? name : `${kind} ${name}` };
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, '0');
}
