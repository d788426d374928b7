import type { Round } from '../../machines/supervisor/admission.ts';

/**
 * Watches in which order rounds get what there is not enough of: admission, or a slot. Of a namespace the one whose harm comes first goes
 * first. Among namespaces the one with the fewest rounds that have it goes first, whatever the harm, so that one tenant's thousand
 * Ingresses hold up nobody; and of two with as many the one whose harm comes first.
 */
export class HarmOrder {
  readonly #what: string;
  readonly #violated: (words: string) => void;
  /** Rounds that wait for nothing but their turn, by namespace. */
  readonly #waiting = new Map<string, Map<string, Round>>();
  /** Those that have it, by namespace. */
  readonly #having = new Map<string, Set<string>>();
  readonly #namespaces = new Map<string, string>();

  /** @param what they wait for, for messages */
  constructor(what: string, violated: (words: string) => void) {
    this.#what = what;
    this.#violated = violated;
  }

  waits(round: Round): void {
    const { id, namespace } = round;
    const rounds = this.#waiting.get(namespace) ?? new Map<string, Round>();
    this.#waiting.set(namespace, rounds.set(id, round));
    this.#namespaces.set(id, namespace);
  }

  gets(id: string, now: number): void {
    const namespace = this.#namespaces.get(id) ?? '';
    const round = this.#waiting.get(namespace)?.get(id);
    this.#stopsWaiting(id);
    const mine = this.#having.get(namespace)?.size ?? 0;
    if (round !== undefined) {
      for (const [other, rounds] of this.#waiting) {
        const theirs = this.#having.get(other)?.size ?? 0;
        if (theirs > mine) continue;
        for (const passed of rounds.values()) {
          const isLater = Math.max(passed.harmAt, now) >= Math.max(round.harmAt, now);
          if (isLater && theirs === mine) continue;
          this.#violated(
            `Round ${described(round)} got ${this.#what} before ${described(passed)}, which waited for nothing else; ` +
              `${mine} of ${namespace} and ${theirs} of ${other} had one.`,
          );
        }
      }
    }
    this.#having.set(namespace, (this.#having.get(namespace) ?? new Set()).add(id));
  }

  /** Held by a limit: others pass it. */
  held(id: string): void {
    this.#stopsWaiting(id);
  }

  /** It has it no more, or does not want it. */
  leaves(id: string): void {
    this.#stopsWaiting(id);
    this.#having.get(this.#namespaces.get(id) ?? '')?.delete(id);
    this.#namespaces.delete(id);
  }

  clear(): void {
    this.#waiting.clear();
    this.#having.clear();
    this.#namespaces.clear();
  }

  #stopsWaiting(id: string): void {
    const namespace = this.#namespaces.get(id) ?? '';
    const rounds = this.#waiting.get(namespace);
    rounds?.delete(id);
    if (rounds?.size === 0) this.#waiting.delete(namespace);
  }
}

function described({ id, harmAt }: Round): string {
  return `${id} (harm at ${new Date(harmAt).toISOString()})`;
}
