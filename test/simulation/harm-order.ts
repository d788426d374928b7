import { kindOf, type Round } from '../../machines/supervisor/round.ts';

/** What a namespace has had of it, one entry for each round: until when it counts at least, and at most. */
interface Had {
  readonly least: number;
  readonly most: number;
}

/** What a round leaves behind for its namespace: see `Had`. */
const nothing: Had = { least: 0, most: 0 };
const having: Had = { least: Number.POSITIVE_INFINITY, most: Number.POSITIVE_INFINITY };

/**
 * Watches in which order rounds get what there is not enough of: admission, or a slot. Of a namespace the one whose harm comes first goes
 * first. Among namespaces the one that has had least goes first, whatever the harm, so that one tenant's thousand
 * Ingresses hold up nobody; and of two that have had as much the one whose harm comes first. Rounds for which other limits hold are not
 * compared.
 */
export class HarmOrder {
  readonly #what: string;
  readonly #violated: (words: string) => void;
  /** Rounds that wait for nothing but their turn, by namespace. */
  readonly #waiting = new Map<string, Map<string, Round>>();
  readonly #namespaces = new Map<string, string>();
  /** By namespace and round. */
  readonly #had = new Map<string, Map<string, Had>>();
  /** Rounds that have not got it, and since when there are some, by namespace. */
  readonly #without = new Map<string, { readonly since: number; readonly ids: Set<string> }>();

  /** @param what they wait for, for messages */
  constructor(what: string, violated: (words: string) => void) {
    this.#what = what;
    this.#violated = violated;
  }

  waits(round: Round, now: number): void {
    const { id, namespace } = round;
    const rounds = this.#waiting.get(namespace) ?? new Map<string, Round>();
    this.#waiting.set(namespace, rounds.set(id, round));
    this.#namespaces.set(id, namespace);
    const without = this.#without.get(namespace) ?? { since: now, ids: new Set() };
    without.ids.add(id);
    this.#without.set(namespace, without);
  }

  gets(id: string, now: number): void {
    const namespace = this.#namespaces.get(id) ?? '';
    const round = this.#waiting.get(namespace)?.get(id);
    this.#stopsWaiting(id);
    if (round !== undefined) {
      const mine = this.#least(namespace, now);
      for (const [other, rounds] of this.#waiting) {
        // What a namespace got while it waits counts until it does not wait any more.
        const theirs = other === namespace ? mine : this.#most(other, now);
        if (theirs > mine) continue;
        for (const passed of rounds.values()) {
          if (kindOf(passed) !== kindOf(round)) continue;
          const isLater = Math.max(passed.harmAt, now) >= Math.max(round.harmAt, now);
          if (isLater && theirs === mine) continue;
          this.#violated(
            `Round ${described(round)} got ${this.#what} before ${described(passed)}, which waited for nothing else; ` +
              `${namespace} had ${mine} and ${other} ${theirs}.`,
          );
        }
      }
    }
    this.#leavesWithout(id);
    this.#had.set(namespace, (this.#had.get(namespace) ?? new Map<string, Had>()).set(id, having));
  }

  /** Held by a limit: others pass it. */
  held(id: string): void {
    this.#stopsWaiting(id);
  }

  /** It has it no more, or does not want it. */
  leaves(id: string, had: Had = nothing): void {
    this.#stopsWaiting(id);
    this.#leavesWithout(id);
    const rounds = this.#had.get(this.#namespaces.get(id) ?? '');
    if (rounds?.has(id) === true && had.most > 0) rounds.set(id, had);
    else rounds?.delete(id);
    this.#namespaces.delete(id);
  }

  clear(): void {
    this.#waiting.clear();
    this.#namespaces.clear();
    this.#had.clear();
    this.#without.clear();
  }

  #least(namespace: string, now: number): number {
    return [...(this.#had.get(namespace)?.values() ?? [])].filter(({ least }) => least > now).length;
  }

  #most(namespace: string, now: number): number {
    const since = this.#without.get(namespace)?.since ?? now;
    const rounds = this.#had.get(namespace) ?? new Map<string, Had>();
    for (const [id, { most }] of rounds) if (most <= since) rounds.delete(id);
    return rounds.size;
  }

  #stopsWaiting(id: string): void {
    const namespace = this.#namespaces.get(id) ?? '';
    const rounds = this.#waiting.get(namespace);
    rounds?.delete(id);
    if (rounds?.size === 0) this.#waiting.delete(namespace);
  }

  #leavesWithout(id: string): void {
    const namespace = this.#namespaces.get(id) ?? '';
    const without = this.#without.get(namespace);
    without?.ids.delete(id);
    if (without?.ids.size === 0) this.#without.delete(namespace);
  }
}

function described({ id, harmAt }: Round): string {
  return `${id} (harm at ${new Date(harmAt).toISOString()})`;
}
