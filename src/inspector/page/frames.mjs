/** @import { Delta, Heartbeat, IngressDetail, Snapshot } from '../protocol.ts' */

/**
 * Whether it is a snapshot of the version that this page understands.
 *
 * @param {unknown} data
 * @returns {data is Snapshot}
 */
export function isSnapshot(data) {
  return isObject(data) && 'version' in data && data.version === 1 && 'ingresses' in data;
}

/**
 * @param {unknown} data
 * @returns {data is Delta}
 */
export function isDelta(data) {
  return isObject(data) && 'upserts' in data && Array.isArray(data.upserts) && 'removed' in data;
}

/**
 * @param {unknown} data
 * @returns {data is IngressDetail}
 */
export function isDetail(data) {
  return isObject(data) && 'timeline' in data && Array.isArray(data.timeline) && 'row' in data;
}

/**
 * @param {unknown} data
 * @returns {data is Heartbeat}
 */
export function isHeartbeat(data) {
  return isObject(data) && 'now' in data && typeof data.now === 'number';
}

/**
 * @param {unknown} data
 * @returns {data is object}
 */
function isObject(data) {
  return typeof data === 'object' && data !== null;
}
