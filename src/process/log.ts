import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { isColorSupported, prettyFactory } from 'pino-pretty';
import { oneLine, presentable } from '../../machines/reasons/foreign-text.ts';
import { isRecord } from './json.ts';

export interface LogOptions {
  readonly logLevel: string;
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly logType: 'auto' | 'json' | 'text';
}

/**
 * The log: one JSON object per line, or text. Both are written in the calling thread, so that the last lines before an exit
 * are not lost, and a worker's memory is saved.
 *
 * Whatever is logged is made presentable and bounded here, the text of tenants and servers included. No caller logs keys or tokens; as
 * a safeguard, fields with names of secrets are redacted too.
 *
 * @param stream where the lines go, standard output by default
 */
export function createLog({ logLevel, logType }: LogOptions, stream?: DestinationStream): Logger {
  const asText = logType === 'text' || (logType === 'auto' && process.stdout.isTTY);
  const target = stream ?? destination({ dest: 1, sync: true });
  const colorize = stream === undefined && process.stdout.isTTY && isColorSupported;
  return pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: boundedFields },
      // The fields are plain by then: see `bounded`.
      serializers: { err: (error: unknown) => error, msg: (text: unknown) => bounded(text, 0) },
    },
    asText ? textStream(target, colorize) : target,
  );
}

const secretNames: ReadonlySet<string> = new Set([
  'keyPem',
  'privateKey',
  'accountKey',
  'hmacKey',
  'keyAuthorization',
  'authorization',
  'token',
  'tls.key',
]);

const longestText = 4000;
const longestName = 300;
const mostEntries = 50;
const deepest = 5;

function boundedFields(fields: object): Record<string, unknown> {
  const plain = bounded(fields, 0);
  return isRecord(plain) ? plain : {};
}

/** The value with presentable texts, of bounded length, width and depth. */
function bounded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return presentable(value, longestText);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value, depth);
  if (depth > deepest || ArrayBuffer.isView(value)) return '[omitted]';
  if (Array.isArray(value)) return value.slice(0, mostEntries).map((entry) => bounded(entry, depth + 1));
  const entries = Object.entries(value).slice(0, mostEntries);
  return Object.fromEntries(
    entries.map(([key, entry]) => [
      presentable(key, longestName),
      secretNames.has(key) ? '[redacted]' : bounded(entry, depth + 1),
    ]),
  );
}

/** Not pino-pretty's own stream, which writes asynchronously. */
function textStream(stream: DestinationStream, colorize: boolean): DestinationStream {
  const prettify = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l' });
  return { write: (line) => stream.write(prettify(line)) };
}

interface ErrorLine {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorLine;
}

const longestStack = 8000;

/** Not all properties, as in pino: errors of libraries contain whole requests and answers. */
function describeError(error: Error, depth: number): ErrorLine {
  const { name, stack, cause } = error;
  const message = presentable(error.message, longestText);
  const code =
    'code' in error && typeof error.code === 'string' ? presentable(error.code, longestName) : undefined;
  return {
    type: presentable(name, longestName),
    message,
    ...(code !== undefined && { code }),
    // An error with a code is an expected one; its stack is of no use.
    ...(code === undefined &&
      stack !== undefined && { stack: [`${name}: ${message}`, ...framesOf(stack)].join('\n') }),
    ...(cause !== undefined && depth < deepest && { cause: describeCause(cause, depth + 1) }),
  };
}

function describeCause(cause: unknown, depth: number): ErrorLine {
  if (cause instanceof Error) return describeError(cause, depth);
  return { type: typeof cause, message: presentable(String(cause), longestText) };
}

/** Without the message, which has lines of its own. */
function framesOf(stack: string): string[] {
  const lines = stack.slice(-longestStack).split('\n');
  return lines.filter((line) => /^ {4}at /.test(line)).map((line) => `    ${oneLine(line, longestName)}`);
}
