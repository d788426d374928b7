/** @typedef {'connecting' | 'live' | 'reconnecting'} Standing */

const firstDelay = 500;
const longestDelay = 10_000;

/**
 * Server-sent events that come back: the browser resumes by Last-Event-ID after a broken connection by itself; where it
 * gives up (an answer that is no stream), a new attempt is made here.
 */
export class Connection {
  #address;
  #handlers;
  #onStanding;
  /** @type {EventSource | undefined} */
  #source;
  #delay = firstDelay;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} address
   * @param {Readonly<Record<string, (data: unknown) => void>>} handlers by the event's name; each gets its data
   * @param {(standing: Standing) => void} onStanding
   */
  constructor(address, handlers, onStanding) {
    this.#address = address;
    this.#handlers = handlers;
    this.#onStanding = onStanding;
    onStanding('connecting');
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #open() {
    const source = new EventSource(this.#address);
    this.#source = source;
    for (const [name, handle] of Object.entries(this.#handlers)) {
      source.addEventListener(name, (event) => {
        this.#delay = firstDelay;
        this.#onStanding('live');
        handle(JSON.parse(event.data));
      });
    }
    source.addEventListener('open', () => this.#onStanding('live'));
    source.addEventListener('error', () => {
      this.#onStanding('reconnecting');
      if (source.readyState !== EventSource.CLOSED) return;
      source.close();
      this.#timer = setTimeout(() => this.#open(), this.#delay);
      this.#delay = Math.min(2 * this.#delay, longestDelay);
    });
  }
}
