import { randomBytes } from 'node:crypto';

/** Bytes of frames kept for viewers that reconnect. */
const capacity = 2 * 1024 * 1024;

/**
 * The last frames sent to the viewers. An id is `EPOCH-NUMBER`; the epoch differs in each process and after each gap, so that no
 * viewer resumes across a gap.
 */
export class FrameRing {
  #epoch = newEpoch();
  #last = 0;
  #size = 0;
  #frames: string[] = [];

  /**
   * The frame of one server-sent event, under the next id.
   *
   * @param data JSON
   */
  add(event: string, data: string): string {
    this.#last += 1;
    const frame = sseFrame(this.id, event, data);
    this.#frames.push(frame);
    this.#size += frame.length;
    while (this.#size > capacity) this.#size -= this.#frames.shift()?.length ?? 0;
    return frame;
  }

  /** Id of the last frame. */
  get id(): string {
    return `${this.#epoch}-${this.#last}`;
  }

  /** @returns the frames after this id, undefined if one of them is missing */
  after(id: string): readonly string[] | undefined {
    const [, epoch, number = ''] = /^([0-9a-f]+)-(\d{1,15})$/.exec(id) ?? [];
    if (epoch !== this.#epoch) return undefined;
    const missed = this.#last - Number(number);
    if (missed < 0 || missed > this.#frames.length) return undefined;
    return this.#frames.slice(this.#frames.length - missed);
  }

  clear(): void {
    this.#epoch = newEpoch();
    this.#last = 0;
    this.#size = 0;
    this.#frames = [];
  }
}

/**
 * One server-sent event.
 *
 * @param data JSON without line breaks
 */
export function sseFrame(id: string | undefined, event: string, data: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

function newEpoch(): string {
  return randomBytes(4).toString('hex');
}
