// The page in the browser: the feed of the inspector, and the parts that show it. Loaded by index.html.

import { FeedConnection } from './connection.mjs';
import { DetailPane } from './detail/detail.mjs';
import { byId, element } from './dom.mjs';
import { isDelta, isDetail, isHeartbeat, isSnapshot } from './frames.mjs';
import { Filters } from './list/filters.mjs';
import { List } from './list/list.mjs';
import { Selection } from './list/selection.mjs';
import { Summary } from './list/summary.mjs';
import { Store } from './store.mjs';
import { SupervisorPane } from './supervisor/supervisor.mjs';
import { counted } from './words.mjs';

/** @import { Standing } from './connection.mjs' */

/** Milliseconds. Short enough to look live, long enough to be cheap with hundreds of changes a second. */
const renderInterval = 250;

const store = new Store();
const selection = new Selection();
const now = () => store.now();
const spoken = byId('spoken', HTMLElement);
const main = byId('main', HTMLElement);
const list = new List({ now, onOpen: open, onSort: sort });
const filters = new Filters(selection, () => {
  list.toTop();
  render();
  spoken.textContent = `${counted(shown, 'source', 'sources')} shown`;
});
const summary = new Summary(store);
const detail = new DetailPane(store, close);
const supervisor = new SupervisorPane(store);
/** @type {Standing} */
let standing = 'connecting';
let isDirty = false;
let shown = 0;

const connection = new FeedConnection(
  {
    snapshot: (data) => {
      const known = store.controller;
      // After an upgrade the controller has a newer page, too.
      if (!isSnapshot(data) || (known !== undefined && known.version !== data.controller.version)) {
        location.reload();
        return;
      }
      store.replace(data);
      render();
      if (known === undefined)
        requestAnimationFrame(() => setTimeout(() => performance.mark('list-painted')));
    },
    delta: (data) => {
      if (!isDelta(data)) return;
      store.apply(data);
      isDirty = true;
    },
    detail: (data) => {
      if (isDetail(data)) detail.show(data);
    },
    gone: () => detail.showGone(),
    // Another process leads now: the page says which.
    following: () => location.reload(),
    heartbeat: (data) => {
      if (isHeartbeat(data)) store.setClock(data.now);
    },
  },
  (next) => {
    if (next === standing) return;
    if (next === 'reconnecting') spoken.textContent = 'Connection lost, reconnecting';
    if (next === 'live' && standing === 'reconnecting') spoken.textContent = 'Reconnected, live again';
    standing = next;
    summary.showStanding(next);
  },
);
summary.showStanding(standing);
addEventListener('pagehide', () => connection.close());
// Also for a page restored from the back/forward cache.
addEventListener('pageshow', connect);
addEventListener('hashchange', route);
addEventListener('keydown', onKey);
document.addEventListener('visibilitychange', () => {
  if (document.hidden) connection.close();
  else connect();
  render();
});
byId('skip', HTMLElement).addEventListener('click', (event) => {
  event.preventDefault();
  list.focus();
});
setInterval(() => {
  if (isDirty && !document.hidden) render();
}, renderInterval);
setInterval(() => {
  if (document.hidden) return;
  list.render();
  detail.tick();
  supervisor.tick();
}, 1000);
route();
connect();

function connect() {
  if (!document.hidden) connection.open();
}

function render() {
  isDirty = false;
  if (store.controller === undefined || document.hidden) return;
  const entries = selection.of(store);
  shown = entries.length;
  list.show(entries);
  filters.show(store);
  summary.show(shown);
  supervisor.show();
  showNothing();
}

function showNothing() {
  const nothing = byId('nothing', HTMLElement);
  nothing.hidden = shown > 0;
  if (shown > 0) return;
  nothing.replaceChildren(selection.isNarrow ? 'No source matches. ' : whyNothing());
  if (!selection.isNarrow) return;
  const button = element('button', { type: 'button', class: 'chip' }, 'Show all');
  button.addEventListener('click', () => filters.clear());
  nothing.append(button);
}

function whyNothing() {
  if (store.supervisor?.synced !== true)
    return 'The Ingresses and Gateways of the cluster are not all read yet.';
  const annotation = store.controller?.annotation;
  return `No Ingress or Gateway requests a certificate yet: set the annotation ${annotation}: "true".`;
}

/** @param {import('./list/selection.mjs').SortColumn} column */
function sort(column) {
  selection.sortBy(column);
  list.markSorted(selection.column, selection.descending);
  render();
}

/** @param {string} key */
function open(key) {
  location.hash = `#/${key.split('/').map(encodeURIComponent).join('/')}`;
}

function close() {
  location.hash = '#/';
  list.focus();
}

/** Shows the view of the URL, so that links can be shared. */
function route() {
  const [, ...parts] = location.hash.split('/');
  const [view] = parts;
  const key = parts.length === 3 ? decoded(parts) : '';
  main.classList.toggle('split', key !== '');
  byId('browse', HTMLElement).hidden = view === 'supervisor';
  byId('to-list', HTMLElement).setAttribute('aria-current', view === 'supervisor' ? 'false' : 'page');
  byId('to-supervisor', HTMLElement).setAttribute('aria-current', view === 'supervisor' ? 'page' : 'false');
  supervisor.toggle(view === 'supervisor');
  detail.open(key);
  connection.watch(key);
  list.markOpen(key);
}

/** @param {readonly string[]} parts */
function decoded(parts) {
  try {
    return parts.map(decodeURIComponent).join('/');
  } catch {
    return '';
  }
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    if (location.hash === '#/supervisor') location.hash = '#/';
    filters.focus();
  } else if (event.key === 'Escape') {
    if (isTyping) list.focus();
    else if (location.hash.length > 2) close();
  }
}
