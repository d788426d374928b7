import type { HostVerdict, PreparationReport } from '../../challenge-solver.ts';
import type { Verdict } from './self-check.ts';

/** Converts a verdict of the self-check to one of the solver. */
export function hostVerdict(host: string, verdict: Verdict): HostVerdict {
  switch (verdict.kind) {
    case 'reachable':
      return { host, kind: 'provable', notice: verdict.notice };
    case 'inconclusive':
      return { host, kind: 'unknown', message: verdict.message };
    case 'wrong-answer':
      return { host, kind: 'not-provable', code: 'SelfCheckFailed', message: verdict.message };
    default:
      return verdict satisfies never;
  }
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
