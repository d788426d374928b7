import {
  type CertificateEntry,
  isEmpty,
  type StatusDocument,
  type StatusNotice,
} from '../../../machines/ingress/status.ts';
import { historyIn } from '../../../machines/ingress/status-restore.ts';
import type { SourceHistory } from '../../../machines/ownership/secret-claims.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { arrayField, isRecord, parsedJson, recordField, stringField } from '../../process/json.ts';

/** The only version so far. */
const version = 1;
/** Longer text is not ours. */
const longestText = 131_072;

/** Octets; `kubectl describe` cuts each line of an annotation at 138. */
const longestLine = 128;

/**
 * The text of the annotation; null removes it. JSON in lines that `kubectl describe` shows in full: a message, which ends with the remedy,
 * is an array of its lines.
 */
export function encodeStatus(document: StatusDocument): string | null {
  if (isEmpty(document)) return null;
  const lines: string[] = [];
  for (const token of tokensOf({ version, ...document })) {
    const last = lines.at(-1);
    if (last === undefined || Buffer.byteLength(last + token) > longestLine) lines.push(token);
    else lines[lines.length - 1] = last + token;
  }
  return lines.join('\n');
}

/** JSON in parts between which there may be a line break. */
function* tokensOf(value: unknown, before = '', after = ''): Generator<string> {
  if (Array.isArray(value)) {
    yield `${before}[`;
    for (const [index, item] of value.entries()) {
      yield* tokensOf(item, '', index < value.length - 1 ? ',' : '');
    }
    yield `]${after}`;
  } else if (isRecord(value)) {
    const fields = Object.entries(value);
    yield `${before}{`;
    for (const [index, [name, field]] of fields.entries()) {
      const shown = name === 'message' && typeof field === 'string' ? linesOf(field) : field;
      yield* tokensOf(shown, `${JSON.stringify(name)}:`, index < fields.length - 1 ? ',' : '');
    }
    yield `}${after}`;
  } else {
    yield before + JSON.stringify(value) + after;
  }
}

/** Joined by spaces they are the text again. */
function linesOf(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const line = last === undefined ? word : `${last} ${word}`;
    // With quotes and a comma.
    if (last === undefined || Buffer.byteLength(JSON.stringify(line)) > longestLine - 1) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines;
}

/** Text in lines; earlier versions wrote it as one. */
function messageIn(value: unknown): string | undefined {
  const lines = arrayField(value, 'message');
  const isText = lines.length > 0 && lines.every((line) => typeof line === 'string');
  return isText ? lines.join(' ') : stringField(value, 'message');
}

/**
 * Parses the annotation: undefined for text that is damaged or of a later version. Fields of the wrong type are omitted.
 */
export function decodeStatus(text: string | undefined): StatusDocument | undefined {
  if (text === undefined || text.length > longestText) return undefined;
  const value = parsedJson(text);
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

/** As the status annotation of the source tells. */
export function historyOf({ status, uid }: SourceSpec): SourceHistory {
  return historyIn(decodeStatus(status), uid);
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
    const text = field === 'message' ? messageIn(value) : stringField(value, field);
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
    const [reason, message] = [stringField(notice, 'reason'), messageIn(notice)];
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
