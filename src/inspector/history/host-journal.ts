import type { CertificateInput } from '../../../machines/ingress/certificate.ts';
import type { SourceKey } from '../../../machines/ownership/source-key.ts';
import { presentable } from '../../../machines/reasons/foreign-text.ts';
import { type HostProgress, type HostStep, stepsOf } from '../protocol.ts';

type StepState = HostProgress['steps'][number]['state'];

interface Reached {
  readonly state: StepState;
  readonly at: number;
  readonly detail?: string;
}

interface Round {
  readonly source: SourceKey;
  readonly secretName: string;
  readonly hosts: ReadonlyMap<string, Map<HostStep, Reached>>;
  /** Those that are proven by DNS-01. */
  readonly byDns: ReadonlySet<string>;
}

/** Failed rounds are kept until the next one, up to this number of hosts; beyond it the oldest source is dropped. */
const mostHosts = 5000;
const longestDetail = 1000;

/**
 * The progress of each host in the running round, or in the last one if it failed. A successful round is kept only while
 * there are viewers.
 */
export class HostJournal {
  readonly #now: () => number;
  readonly #running = new Map<string, Round>();
  /** The last round of each Secret, by source. */
  readonly #latest = new Map<SourceKey, Map<string, Round>>();
  #hosts = 0;
  /** Set while there are viewers; called with the changed source. */
  onChange: ((source: SourceKey) => void) | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  begin({ id, source, desired: { secretName }, hosts }: CertificateInput): void {
    const round = {
      source,
      secretName,
      hosts: new Map(hosts.map(({ host }) => [host, new Map()])),
      byDns: new Set(hosts.flatMap(({ host, challenge }) => (challenge === 'dns-01' ? host : []))),
    };
    this.#running.set(id, round);
    this.#drop(source, secretName);
    const others = this.#latest.get(source);
    this.#latest.delete(source);
    this.#latest.set(source, new Map([...(others ?? []), [secretName, round]]));
    this.#hosts += round.hosts.size;
    for (const oldest of this.#latest.keys()) {
      if (this.#hosts <= mostHosts || oldest === source) break;
      this.forget(oldest);
    }
  }

  /**
   * @param hosts undefined for all of the round
   * @param detail the reason, as text
   */
  note(
    id: string,
    hosts: readonly string[] | undefined,
    step: HostStep,
    state: StepState,
    detail?: string,
  ): void {
    const round = this.#running.get(id);
    if (round === undefined) return;
    const reason = detail === undefined ? {} : { detail: presentable(detail, longestDetail) };
    for (const host of hosts ?? round.hosts.keys()) {
      if (!stepsOf(challengeOf(round, host)).includes(step)) continue;
      round.hosts.get(host)?.set(step, { state, at: this.#now(), ...reason });
    }
    this.onChange?.(round.source);
  }

  /**
   * The round has failed. If no host is the cause, all running steps have failed.
   *
   * @param detail the reason, as text
   */
  failed(id: string, detail: string): void {
    const round = this.#running.get(id);
    if (round === undefined) return;
    const reason = presentable(detail, longestDetail);
    const all = [...round.hosts.values()];
    const blamed = all.some((steps) => [...steps.values()].some(({ state }) => state === 'failed'));
    for (const steps of all) {
      if (blamed) stopRunning(steps);
      for (const [step, { state }] of steps) {
        if (state === 'running') steps.set(step, { state: 'failed', at: this.#now(), detail: reason });
      }
    }
    this.onChange?.(round.source);
  }

  /** The round has ended; running steps were aborted. */
  end(id: string): void {
    const round = this.#running.get(id);
    if (round === undefined) return;
    this.#running.delete(id);
    for (const steps of round.hosts.values()) stopRunning(steps);
    if (this.onChange === undefined && isDone(round)) this.#drop(round.source, round.secretName);
    this.onChange?.(round.source);
  }

  /** @returns empty if nothing is known */
  of(source: SourceKey, secretName: string): HostProgress[] {
    const round = this.#latest.get(source)?.get(secretName);
    return [...(round?.hosts ?? [])].map(([host, reached]) => ({
      host,
      steps: stepsOf(challengeOf(round, host)).map((step) => ({
        step,
        ...(reached.get(step) ?? { state: 'waiting' as const }),
      })),
    }));
  }

  /** The source is deleted. */
  forget(source: SourceKey): void {
    for (const secretName of this.#latest.get(source)?.keys() ?? []) this.#drop(source, secretName);
  }

  /** The last viewer has left. */
  forgetDone(): void {
    for (const rounds of this.#latest.values()) {
      for (const round of rounds.values()) if (isDone(round)) this.#drop(round.source, round.secretName);
    }
  }

  #drop(source: SourceKey, secretName: string): void {
    const rounds = this.#latest.get(source);
    this.#hosts -= rounds?.get(secretName)?.hosts.size ?? 0;
    rounds?.delete(secretName);
    if (rounds?.size === 0) this.#latest.delete(source);
  }
}

function challengeOf(round: Pick<Round, 'byDns'> | undefined, host: string): 'http-01' | 'dns-01' {
  return round?.byDns.has(host) === true ? 'dns-01' : 'http-01';
}

function stopRunning(steps: Map<HostStep, Reached>): void {
  for (const [step, { state }] of steps) if (state === 'running') steps.delete(step);
}

function isDone({ hosts }: Round): boolean {
  return [...hosts.values()].every((steps) => steps.get('secret')?.state === 'done');
}
