import { UsageError } from '../simulation/simulate-options.ts';
import type { Step } from './kill-steps.ts';

/**
 * `first`: the first certificate of all, with the registration of the account. `issuance`: of another Ingress. `renewal`: of a
 * certificate that the Secret holds. `wildcard`: an issuance that is proven by DNS-01, in a zone that is updated by RFC 2136; the others:
 * by another provider.
 */
export const scenarios = [
  'first',
  'issuance',
  'renewal',
  'wildcard',
  'httpreq',
  'acme-dns',
  'external-dns',
] as const;
export type Scenario = (typeof scenarios)[number];

/**
 * When the process dies: `before` the request gets to the server; when the server has done it and the answer is `lost`; `after` the
 * answer; or before it, and the request gets there `late`, when another process leads already.
 */
export const moments = ['before', 'lost', 'after', 'late'] as const;
/** `held`: it does not die, but stands still (SIGSTOP) before the answer, and goes on when another process leads. */
export type Moment = (typeof moments)[number] | 'held';

/** Where the process that leads is killed, or stands still. */
export interface Point {
  readonly scenario: Scenario;
  /** `Step.name` */
  readonly step: string;
  /** Which of the requests of this name, from 1. */
  readonly occurrence: number;
  readonly moment: Moment;
}

/** A point at a CA of one of two habits. */
export interface Job {
  readonly point: Point;
  /** Whether the CA answers a second order for a set with the first one. */
  readonly reusing: boolean;
}

/** As for `--point`: such as issuance/new-order/1/lost. */
export function nameOf({ scenario, step, occurrence, moment }: Point): string {
  return `${scenario}/${step}/${occurrence}/${moment}`;
}

/** @throws UsageError */
export function readPoint(name: string): Point {
  const [givenScenario, step = '', number = '', givenMoment, ...rest] = name.split('/');
  const scenario = scenarios.find((known) => known === givenScenario);
  const moment = [...moments, 'held' as const].find((known) => known === givenMoment);
  const occurrence = Number(number);
  if (
    scenario === undefined ||
    moment === undefined ||
    step === '' ||
    !(occurrence >= 1) ||
    rest.length > 0
  ) {
    throw new UsageError(`--point takes a name such as issuance/new-order/1/lost, not ${name}.`);
  }
  return { scenario, step, occurrence, moment };
}

/**
 * All points of a scenario, in the order of its requests. A request that changes nothing at the server cannot come too late.
 * @param steps as they were seen without a disturbance
 */
export function pointsOf(scenario: Scenario, steps: readonly Step[]): Point[] {
  const counts = new Map<string, number>();
  return steps.flatMap(({ name, writes }) => {
    const occurrence = (counts.get(name) ?? 0) + 1;
    counts.set(name, occurrence);
    return moments
      .filter((moment) => writes || moment !== 'late')
      .map((moment) => ({ scenario, step: name, occurrence, moment }));
  });
}
