/** @typedef {'connecting' | 'live' | 'reconnecting'} Standing */

const firstDelay = 500;
const longestDelay = 10_000;
/** Milliseconds. The controller sends a heartbeat every 15 s; after this time without one the connection is dead. */
const longestSilence = 40_000;

/**
 * The page's only stream of server-sent events, because a browser has six connections to a server for all tabs. It is closed while
 * the page is hidden, and resumes after that, after an error and after silence.
 */
export class FeedConnection {
  #handlers;
  #onStanding;
  #isOpen = false;
  #key = '';
  #lastId = '';
  /** @type {EventSource | undefined} */
  #source;
  #delay = firstDelay;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #watchdog;

  /**
   * @param {Readonly<Record<string, (data: unknown) => void>>} handlers by the event's name; each gets its data
   * @param {(standing: Standing) => void} onStanding
   */
  constructor(handlers, onStanding) {
    this.#handlers = handlers;
    this.#onStanding = onStanding;
  }

  open() {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#onStanding('connecting');
    this.#connect();
  }

  close() {
    this.#isOpen = false;
    this.#disconnect();
  }

  /** @param {string} key of the source whose detail is also requested, or '' */
  watch(key) {
    if (key === this.#key) return;
    this.#key = key;
    if (this.#isOpen) this.#connect();
  }

  #connect() {
    this.#disconnect();
    const wanted = Object.entries({ source: this.#key, after: this.#lastId });
    const query = new URLSearchParams(wanted.filter(([, value]) => value !== ''));
    const source = new EventSource(`/events?${query}`);
    this.#source = source;
    this.#hear();
    for (const [name, handle] of Object.entries(this.#handlers)) {
      source.addEventListener(name, (event) => {
        this.#delay = firstDelay;
        this.#lastId = event.lastEventId || this.#lastId;
        this.#hear();
        this.#onStanding('live');
        handle(JSON.parse(event.data));
      });
    }
    source.addEventListener('open', () => this.#onStanding('live'));
    source.addEventListener('error', () => this.#lose());
  }

  #disconnect() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watchdog);
    this.#source?.close();
  }

  #hear() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lose(), longestSilence);
  }

  #lose() {
    this.#disconnect();
    this.#onStanding('reconnecting');
    this.#retry = setTimeout(() => this.#connect(), this.#delay);
    this.#delay = Math.min(2 * this.#delay, longestDelay);
  }
}
