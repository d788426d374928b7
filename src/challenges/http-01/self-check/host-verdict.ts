import type { ClassStanding } from '../../../../machines/ownership/classes/class-standing.ts';
import type { SourceKey } from '../../../../machines/ownership/source-key.ts';
import type { IngressClassReference } from '../../../../machines/ownership/source-spec.ts';
import { presentable } from '../../../../machines/reasons/foreign-text.ts';
import type { Resolution } from '../../addresses.ts';
import type { HostVerdict, PreparationReport } from '../../challenge-solver.ts';
import type { Verdict } from './self-check.ts';

/** What is known of a class that serves the host. */
export interface ServingClass {
  readonly ingressClass: IngressClassReference;
  readonly standing: ClassStanding;
}

export interface Circumstances {
  /** Milliseconds that the host was asked for. */
  readonly timeLimit: number;
  readonly classes: readonly ServingClass[];
  /** Gateways and ListenerSets that ask for the host, and have accepted its challenge route. */
  readonly gateways?: readonly SourceKey[];
}

/** Converts a verdict of the self-check to one of the solver. */
export function hostVerdict(host: string, verdict: Verdict, circumstances: Circumstances): HostVerdict {
  switch (verdict.kind) {
    case 'reachable':
      return { host, kind: 'provable', notice: verdict.notice };
    case 'inconclusive':
      return { host, kind: 'unknown', message: verdict.message };
    case 'wrong-answer':
      return { host, kind: 'not-provable', ...explained(host, verdict, circumstances) };
    default:
      return verdict satisfies never;
  }
}

type Explanation = Pick<Extract<HostVerdict, { kind: 'not-provable' }>, 'code' | 'message' | 'remedy'>;

/** Characters of the name of a class in a message. */
const longestName = 80;

/** An answer of the host itself that is not ours, without being refused: the rule may not be in effect, or nobody may read it. */
function explained(
  host: string,
  { message, status, finalHost, changing, remedy }: Extract<Verdict, { kind: 'wrong-answer' }>,
  { timeLimit, classes, gateways = [] }: Circumstances,
): Explanation {
  const isRuleInDoubt = finalHost === host && (status === 404 || status === 200);
  const extended = (more: string): string => `${message.replace(/\.$/, '')}${more}.`;
  const waited = `${timeLimit / 1000} s`;
  if (isRuleInDoubt && classes.length === 0 && gateways.length > 0 && remedy === undefined) {
    return {
      code: 'SelfCheckFailed',
      message: extended(`; kube-lego waited ${waited} for the challenge route to take effect`),
      remedy: `Point the host's DNS at the Gateway, and look for an HTTPRoute with the same path, or a listener on port 80 with a more specific hostname; if the Gateway takes more than ${waited} to put a route into effect, set LEGO_SELF_CHECK_TIMEOUT higher.`,
    };
  }
  if (!isRuleInDoubt || classes.length === 0 || remedy !== undefined) {
    return { code: 'SelfCheckFailed', message, ...(remedy === undefined ? {} : { remedy }) };
  }
  const named = classes.flatMap(({ ingressClass, standing }) =>
    ingressClass.form === 'none' ? [] : [{ name: presentable(ingressClass.name, longestName), ...standing }],
  );
  if (named.length === 0) {
    return { code: 'NoIngressClass', message: extended(', and the Ingress names no class') };
  }
  if (named.every(({ exists }) => exists === false)) {
    const names = named.map(({ name }) => name).join(', ');
    return { code: 'IngressClassNotFound', message: extended(`, and there is no IngressClass ${names}`) };
  }
  const late = changing
    ? `; kube-lego answered before, so within ${waited} the rule took effect in some instances only`
    : `; kube-lego waited ${waited} for the rule to take effect`;
  const leftOut = named.flatMap(({ name, nonMerging }) =>
    nonMerging === undefined
      ? []
      : `, and class ${name} has none, as its controller ${nonMerging} does not merge a host`,
  );
  return {
    code: 'SelfCheckFailed',
    message: extended(late + leftOut.join('')),
    remedy: `Point the host's DNS at the ingress controller; if that takes more than ${waited} to put a rule into effect, set LEGO_SELF_CHECK_TIMEOUT higher.`,
  };
}

/** The verdict on a host that certainly does not resolve; undefined if it may. */
export function unresolvedVerdict(host: string, resolution: Resolution | undefined): HostVerdict | undefined {
  if (resolution?.kind !== 'none' || !resolution.definite) return undefined;
  return { host, kind: 'not-provable', code: 'SelfCheckFailed', message: resolution.message };
}

/**
 * Progress of the host's DNS and challenge steps.
 *
 * @param isLast false if the host is checked again
 */
export function reportsOf(verdict: Verdict, isLast: boolean): Omit<PreparationReport, 'host'>[] {
  if (verdict.kind === 'reachable') {
    return [
      { step: 'dns', state: 'done' },
      { step: 'self-check', state: 'done', detail: verdict.notice },
    ];
  }
  const outcome = verdict.kind === 'inconclusive' ? 'unknown' : 'failed';
  const state = isLast ? outcome : 'running';
  const detail = verdict.message;
  return verdict.unresolved === true
    ? [
        { step: 'dns', state, detail },
        { step: 'self-check', state: isLast ? 'unknown' : 'waiting' },
      ]
    : [
        { step: 'dns', state: 'done' },
        { step: 'self-check', state, detail },
      ];
}
