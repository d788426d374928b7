import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { isColorSupported, prettyFactory } from 'pino-pretty';

export interface LogOptions {
  readonly logLevel: string;
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly logType: 'auto' | 'json' | 'text';
}

/**
 * The log: one JSON object per line, or text. Both are written in the calling thread, so that the last lines before an exit
 * are not lost, and a worker's memory is saved.
 *
 * No caller logs keys or tokens. As a safeguard, fields with names of secrets, private keys in PEM, bearer tokens and JSON web
 * tokens are redacted.
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
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: secretPaths, censor: '[redacted]' },
      hooks: { streamWrite: withoutSecrets },
    },
    asText ? textStream(target, colorize) : target,
  );
}

const secretNames = [
  'keyPem',
  'privateKey',
  'accountKey',
  'hmacKey',
  'keyAuthorization',
  'authorization',
  'token',
  '["tls.key"]',
];
const secretPaths = ['', '*', '*.*'].flatMap((parent) =>
  secretNames.map((name) => (parent === '' || name.startsWith('[') ? parent + name : `${parent}.${name}`)),
);

const secretTexts: readonly RegExp[] = [
  // Up to the end of the JSON string, since a key may be truncated.
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[^"\\]|\\.)*/g,
  /(?<=\bBearer )[\w.~+/-]{8,}=*/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
];

function withoutSecrets(line: string): string {
  return secretTexts.reduce((clean, pattern) => clean.replaceAll(pattern, '[redacted]'), line);
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

const deepestCause = 5;

/** Not all properties, as in pino: errors of libraries contain whole requests and answers. */
function describeError(error: unknown, depth = 0): ErrorLine {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { name, message, stack, cause } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: name,
    message,
    ...(code !== undefined && { code }),
    // An error with a code is an expected one; its stack is of no use.
    ...(code === undefined && stack !== undefined && { stack }),
    ...(cause !== undefined && depth < deepestCause && { cause: describeError(cause, depth + 1) }),
  };
}
