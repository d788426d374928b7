import {
  type CertificateEntry,
  isEmpty,
  type StatusDocument,
  type StatusNotice,
} from '../../../machines/ingress/status.ts';
import { arrayField, isRecord, recordField, stringField } from '../../process/json.ts';

/** The only version so far. */
const version = 1;
/** Longer text is not ours. */
const longestText = 131_072;

/** The text of the annotation; null removes it. */
export function encodeStatus(document: StatusDocument): string | null {
  return isEmpty(document) ? null : JSON.stringify({ version, ...document });
}

/**
 * Parses the annotation: undefined for text that is damaged or of a later version. Fields of the wrong type are omitted.
 */
export function decodeStatus(text: string | undefined): StatusDocument | undefined {
  if (text === undefined || text.length > longestText) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const ingress = stringField(value, 'ingress');
  if (!isRecord(value) || value['version'] !== version || ingress === undefined) return undefined;
  const entries = Object.entries(recordField(value, 'secrets') ?? {}).flatMap(
    ([name, entry]): [string, CertificateEntry][] => {
      const read = entryIn(entry);
      return read === undefined ? [] : [[name, read]];
    },
  );
  const retry = stringField(value, 'retry');
  const handedBy = stringField(value, 'handedBy');
  const omitted = countIn(value, 'omitted');
  return {
    secrets: Object.fromEntries(entries),
    ...noticesIn(value),
    ...(omitted === undefined ? {} : { omitted }),
    ...(retry === undefined ? {} : { retry }),
    ingress,
    ...(handedBy === undefined ? {} : { handedBy }),
  };
}

const texts = [
  'notAfter',
  'renewAt',
  'reason',
  'message',
  'host',
  'nextAttempt',
  'blockedUntil',
  'rescued',
  'input',
] as const satisfies readonly (keyof CertificateEntry)[];
const states = ['good', 'failed', 'waiting'] as const;
const times: ReadonlySet<string> = new Set(['notAfter', 'renewAt', 'nextAttempt', 'blockedUntil', 'rescued']);

function entryIn(value: unknown): CertificateEntry | undefined {
  const state = states.find((known) => known === stringField(value, 'state'));
  const since = stringField(value, 'since');
  if (state === undefined || since === undefined || !isTime(since)) return undefined;
  const failures = countIn(value, 'failures');
  const fields = texts.flatMap((field): [string, string][] => {
    const text = stringField(value, field);
    return text === undefined || (times.has(field) && !isTime(text)) ? [] : [[field, text]];
  });
  return {
    state,
    since,
    ...Object.fromEntries(fields),
    ...(failures === undefined ? {} : { failures }),
    ...noticesIn(value),
  };
}

function noticesIn(value: unknown): { notices?: StatusNotice[] } {
  const notices = arrayField(value, 'notices').flatMap((notice): StatusNotice[] => {
    const [reason, message] = [stringField(notice, 'reason'), stringField(notice, 'message')];
    return reason === undefined || message === undefined ? [] : [{ reason, message }];
  });
  return notices.length === 0 ? {} : { notices };
}

function countIn(value: unknown, field: string): number | undefined {
  const count = isRecord(value) ? value[field] : undefined;
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : undefined;
}

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text));
}
