import type { Round } from '../../machines/admission.ts';

/** Watches that of the rounds of a namespace that may go on the one whose harm comes first does so first. */
export class HarmOrder {
  readonly #violated: (words: string) => void;
  /** Rounds that wait for nothing but their turn, by namespace. */
  readonly #waiting = new Map<string, Map<string, Round>>();
  readonly #namespaces = new Map<string, string>();

  constructor(violated: (words: string) => void) {
    this.#violated = violated;
  }

  started(round: Round): void {
    const rounds = this.#waiting.get(round.namespace) ?? new Map<string, Round>();
    this.#waiting.set(round.namespace, rounds.set(round.id, round));
    this.#namespaces.set(round.id, round.namespace);
  }

  admitted(id: string, now: number): void {
    const rounds = this.#roundsWith(id);
    const admitted = rounds?.get(id);
    if (rounds === undefined || admitted === undefined) return;
    rounds.delete(id);
    for (const other of rounds.values()) {
      if (Math.max(other.harmAt, now) >= Math.max(admitted.harmAt, now)) continue;
      const [late, early] = [other, admitted].map(({ harmAt }) => new Date(harmAt).toISOString());
      this.#violated(
        `Round ${id} (harm at ${early}) was admitted before ${other.id} (${late}), which waited for nothing.`,
      );
    }
  }

  /** Held by a limit: others pass it. */
  held(id: string): void {
    this.#roundsWith(id)?.delete(id);
  }

  ended(id: string): void {
    this.#roundsWith(id)?.delete(id);
    this.#namespaces.delete(id);
  }

  clear(): void {
    this.#waiting.clear();
    this.#namespaces.clear();
  }

  #roundsWith(id: string): Map<string, Round> | undefined {
    return this.#waiting.get(this.#namespaces.get(id) ?? '');
  }
}
