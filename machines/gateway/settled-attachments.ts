import { isEqual } from '../ownership/equality.ts';
import { minute } from '../time/durations.ts';
import { Schedule } from '../time/schedule.ts';
import type { SiteRoute } from './gateway-objects.ts';

/** Milliseconds for which a changed attachment must stand before it counts. */
export const settlingTime = minute;

interface Standing {
  /** That counts; undefined: it had none, or the route is gone. */
  current: SiteRoute | undefined;
  /** What is to count after a while, if that differs. */
  next?: { readonly attachment: SiteRoute | undefined };
}

/**
 * The attachments of HTTPRoutes that count. A new one counts at once; a change or the end of one only when it has stood for a while, so
 * that a hostname which is corrected, or a route which is deleted and created again, costs one order and not two. Nothing is lost with it at
 * a restart: then all count as they are. Times are monotonic milliseconds.
 */
export class SettledAttachments {
  readonly #byRoute = new Map<string, Standing>();
  readonly #settling = new Schedule();

  /**
   * @param route `namespace/name`
   * @param attachment undefined: it has none, or there is no such route
   * @returns whether what counts has changed
   */
  put(route: string, attachment: SiteRoute | undefined, now: number): boolean {
    const known = this.#byRoute.get(route);
    if (known?.current === undefined) {
      if (attachment === undefined) return false;
      this.#byRoute.set(route, { current: attachment });
      return true;
    }
    if (isEqual(known.current, attachment)) {
      delete known.next;
      this.#settling.delete(route);
      return false;
    }
    // Whose hostnames are the same may be younger, as one that was created again.
    if (known.next !== undefined && isEqual(known.next.attachment, attachment)) return false;
    known.next = { attachment };
    this.#settling.set(route, now + settlingTime);
    return false;
  }

  get(route: string): SiteRoute | undefined {
    return this.#byRoute.get(route)?.current;
  }

  /** When `settle` has something to do. */
  next(): number | undefined {
    return this.#settling.next();
  }

  /** @returns the routes of which now counts something else, with what counted before */
  settle(now: number): { readonly route: string; readonly before: SiteRoute | undefined }[] {
    return [...this.#settling.takeDue(now)].flatMap((route) => {
      const known = this.#byRoute.get(route);
      if (known?.next === undefined) return [];
      const { current: before, next } = known;
      if (next.attachment === undefined) this.#byRoute.delete(route);
      else this.#byRoute.set(route, { current: next.attachment });
      return [{ route, before }];
    });
  }
}
