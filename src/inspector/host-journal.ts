import type { CertificateInput } from '../../machines/certificate.ts';
import { type HostProgress, type HostStep, hostSteps } from './protocol.ts';

export type StepState = HostProgress['steps'][number]['state'];

interface Reached {
  readonly state: StepState;
  readonly at: number;
  readonly detail?: string;
}

interface Round {
  readonly ingress: string;
  readonly secretName: string;
  readonly hosts: ReadonlyMap<string, Map<HostStep, Reached>>;
}

/** Rounds that came to nothing stay until the next one, but no more than this. */
const mostRounds = 1000;

/**
 * How far each host has come on its way to a certificate, in the round that runs or in the last one, if that failed. Of a round that
 * succeeded nothing stays but while somebody watches: its certificate says it all.
 */
export class HostJournal {
  readonly #now: () => number;
  /** By the id of the round, and the last one of each `namespace/name secret`. */
  readonly #rounds = new Map<string, Round>();
  readonly #latest = new Map<string, Round>();
  /** Set while somebody watches; told the Ingress of which something has changed. */
  onChange: ((ingress: string) => void) | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  begin({ id, ingress, desired: { secretName }, hosts }: CertificateInput): void {
    const round = { ingress, secretName, hosts: new Map(hosts.map(({ host }) => [host, new Map()])) };
    const key = keyOf(ingress, secretName);
    this.#rounds.set(id, round);
    this.#latest.delete(key);
    this.#latest.set(key, round);
    const [oldest] = this.#latest.keys();
    if (this.#latest.size > mostRounds && oldest !== undefined) this.#latest.delete(oldest);
  }

  /**
   * @param hosts undefined for all of the round
   * @param detail why, for a person
   */
  note(
    id: string,
    hosts: readonly string[] | undefined,
    step: HostStep,
    state: StepState,
    detail?: string,
  ): void {
    const round = this.#rounds.get(id);
    if (round === undefined) return;
    for (const host of hosts ?? round.hosts.keys()) {
      round.hosts
        .get(host)
        ?.set(step, { state, at: this.#now(), ...(detail === undefined ? {} : { detail }) });
    }
    this.onChange?.(round.ingress);
  }

  /** The round came to nothing. Where no host is to blame, whatever was running has failed. */
  failed(id: string): void {
    const all = [...(this.#rounds.get(id)?.hosts.values() ?? [])];
    const blamed = all.some((steps) => [...steps.values()].some(({ state }) => state === 'failed'));
    for (const steps of all) {
      for (const [step, reached] of steps) {
        if (reached.state !== 'running') continue;
        if (blamed) steps.delete(step);
        else steps.set(step, { ...reached, state: 'failed', at: this.#now() });
      }
    }
  }

  /** The round is over. */
  end(id: string): void {
    const round = this.#rounds.get(id);
    this.#rounds.delete(id);
    if (round !== undefined && this.onChange === undefined && isDone(round)) this.#forget(round);
  }

  /** @returns empty where nothing is known */
  of(ingress: string, secretName: string): HostProgress[] {
    const round = this.#latest.get(keyOf(ingress, secretName));
    return [...(round?.hosts ?? [])].map(([host, reached]) => ({
      host,
      steps: hostSteps.map((step) => ({ step, ...(reached.get(step) ?? { state: 'waiting' as const }) })),
    }));
  }

  /** Nobody watches any more. */
  forgetDone(): void {
    for (const round of this.#latest.values()) if (isDone(round)) this.#forget(round);
  }

  #forget({ ingress, secretName }: Round): void {
    this.#latest.delete(keyOf(ingress, secretName));
  }
}

function isDone({ hosts }: Round): boolean {
  return [...hosts.values()].every((steps) => steps.get('secret')?.state === 'done');
}

function keyOf(ingress: string, secretName: string): string {
  return `${ingress} ${secretName}`;
}
