import type { Assessment } from '../../../machines/assessment/assessment.ts';
import { certificatePhases } from '../../../machines/ingress/certificate.ts';
import type { CheckResult } from '../../../machines/ingress/ingress-updates.ts';
import { arrayField, isRecord, recordField, stringField } from '../../process/json.ts';

/**
 * An event of an Ingress actor as text: its type, then the fields selected here, and no others.
 *
 * @returns undefined for events without interest
 */
export function textOf(event: { readonly type: string }): string | undefined {
  const { type } = event;
  const secret = stringField(event, 'secretName') ?? '';
  switch (type) {
    case 'WAKE':
      return type;
    case 'ASSIGNED': {
      const desired = arrayField(recordField(event, 'assignment'), 'desired');
      return `${type} ${desired.map((one) => stringField(one, 'secretName')).join(', ') || 'nothing'}`;
    }
    case 'CERTIFICATE_PHASE': {
      const phase = certificatePhases.find((one) => one === stringField(event, 'phase'));
      return `${type} ${secret}: ${phase ?? ''}`;
    }
    case 'CERTIFICATE_HELD': {
      const hold = recordField(event, 'hold');
      return `${type} ${secret}: ${stringField(hold, 'scope') ?? ''}, until ${isoTime(hold?.['until'])}`;
    }
    case 'CERTIFICATE_PENDING':
      return `${type} ${secret}`;
    case 'CERTIFICATE_FINISHED': {
      const outcome = recordField(event, 'outcome');
      const code = stringField(recordField(outcome, 'failure'), 'code');
      return `${type} ${secret}: ${stringField(outcome, 'kind') ?? ''}${code === undefined ? '' : ` (${code})`}`;
    }
    default:
      return type.startsWith('xstate.done.actor.') ? checkText(event) : undefined;
  }
}

/** The end of a check, with the result for each Secret. */
function checkText(event: object): string | undefined {
  const results = arrayField(recordField(event, 'output'), 'results');
  if (results.length === 0) return undefined;
  return `CHECKED ${results.filter(isCheckResult).map(resultText).join(', ')}`;
}

function isCheckResult(result: unknown): result is CheckResult {
  return isRecord(result) && (result['kind'] === 'assessed' || result['kind'] === 'unavailable');
}

function resultText(result: CheckResult): string {
  const found = result.kind === 'assessed' ? assessmentText(result.assessment) : result.failure.code;
  return `${result.secretName}: ${found}`;
}

function assessmentText(assessment: Assessment): string {
  if (assessment.kind === 'due') return `due (${assessment.reason})`;
  return assessment.kind === 'refused' ? `refused (${assessment.failure.code})` : 'good';
}

function isoTime(at: unknown): string {
  return typeof at === 'number' && Number.isFinite(at) ? new Date(at).toISOString() : 'later';
}
