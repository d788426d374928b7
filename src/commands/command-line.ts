import { parseArgs } from 'node:util';
import { dnsLabel } from '../../machines/hosts/host-names.ts';
import type { SourceReference } from '../../machines/ownership/source-key.ts';
import { oneLine } from '../../machines/reasons/foreign-text.ts';
import {
  isRevocationReason,
  type RevocationReason,
  revocationReasons,
} from '../../machines/revocation/revocation.ts';
import { type Command, commands } from './command-help.ts';

/** The parsed command line. */
export type Request =
  | { readonly kind: 'help'; readonly command: Command }
  | { readonly kind: 'errors'; readonly errors: readonly string[] }
  | (Common & {
      readonly kind: 'status';
      readonly namespace: string | undefined;
      readonly problems: boolean;
      readonly watch: boolean;
    })
  | (Common & {
      readonly kind: 'explain';
      readonly source: SourceReference;
      readonly offline: boolean;
    })
  | (Common & { readonly kind: 'retry'; readonly source: SourceReference })
  | (Common & { readonly kind: 'page'; readonly browser: boolean })
  | (Common & {
      readonly kind: 'revoke';
      readonly namespace: string;
      readonly secretName: string;
      readonly reason: RevocationReason;
      /** No other certificate is meant, as `serialOf` writes it; undefined: the one in the Secret. */
      readonly serial: string | undefined;
      /** Without waiting for another certificate. */
      readonly now: boolean;
      readonly dryRun: boolean;
      /** Without a question. */
      readonly yes: boolean;
    })
  | (Common & { readonly kind: 'account' })
  | (Common & {
      readonly kind: 'zones';
      /** Undefined: all. */
      readonly domain: string | undefined;
      readonly offline: boolean;
    })
  | (Common & {
      readonly kind: 'import';
      /** Undefined: all. */
      readonly namespace: string | undefined;
      readonly apply: boolean;
      readonly revert: boolean;
    })
  | (Common & {
      readonly kind: 'rollover';
      /** Without a question. */
      readonly yes: boolean;
    });

interface Common {
  readonly output: 'text' | 'json';
  /** Context of the kubeconfig; undefined: the current one. */
  readonly context: string | undefined;
}

export function isCommand(word: string | undefined): word is Command {
  return commands.some((command) => command === word);
}

/** @param argv the arguments after the command */
export function readRequest(command: Command, argv: readonly string[]): Request {
  try {
    return readers[command](argv);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    // What Node adds is about arguments that begin with a hyphen.
    const [words = ''] = error instanceof RequestError ? [text] : text.split('. ');
    return { kind: 'errors', errors: [oneLine(words, 400), `See kube-lego ${command} --help.`] };
  }
}

/** The command line is no request; the message says why. */
class RequestError extends Error {
  override readonly name = 'RequestError';
}

/** What was written, short enough that what is wrong with it is seen beside it. */
function quoted(...words: readonly string[]): string {
  return oneLine(words.join(' '), 80);
}

const commonOptions = {
  output: { type: 'string', short: 'o', default: 'text' },
  context: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function readStatus(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      ...commonOptions,
      namespace: { type: 'string', short: 'n' },
      problems: { type: 'boolean', default: false },
      watch: { type: 'boolean', short: 'w', default: false },
    },
  });
  const { help: asksForHelp, output, context, namespace, problems, watch } = values;
  if (asksForHelp) return { kind: 'help', command: 'status' };
  expectNone(positionals, 'status');
  return {
    kind: 'status',
    output: formatOf(output),
    context,
    namespace: namespaceOf(namespace),
    problems,
    watch,
  };
}

function readExplain(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...commonOptions, offline: { type: 'boolean', default: false } },
  });
  const { help: asksForHelp, output, context, offline } = values;
  if (asksForHelp) return { kind: 'help', command: 'explain' };
  const source = sourceNamed(positionals);
  return { kind: 'explain', output: formatOf(output), context, source, offline };
}

function readRetry(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: commonOptions,
  });
  const { help: asksForHelp, output, context } = values;
  if (asksForHelp) return { kind: 'help', command: 'retry' };
  const source = sourceNamed(positionals);
  return { kind: 'retry', output: formatOf(output), context, source };
}

function readPage(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      ...commonOptions,
      'no-browser': { type: 'boolean', default: false },
    },
  });
  const { help: asksForHelp, output, context, 'no-browser': withoutBrowser } = values;
  if (asksForHelp) return { kind: 'help', command: 'page' };
  expectNone(positionals, 'page');
  const format = formatOf(output);
  return { kind: 'page', output: format, context, browser: format === 'text' && !withoutBrowser };
}

function readRevoke(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      ...commonOptions,
      reason: { type: 'string' },
      serial: { type: 'string' },
      now: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      yes: { type: 'boolean', short: 'y', default: false },
    },
  });
  const { help: asksForHelp, output, context, reason, now, 'dry-run': dryRun, yes } = values;
  const serial = values.serial === undefined ? undefined : serialOf(values.serial);
  if (asksForHelp) return { kind: 'help', command: 'revoke' };
  const [namespace, secretName] = namesOf(positionals, 'Secret');
  const all = Object.keys(revocationReasons).join(', ');
  if (!isRevocationReason(reason)) {
    const found = reason === undefined ? 'Give a --reason: it' : `--reason=${quoted(reason)}:`;
    throw new RequestError(`${found} must be one of ${all}.`);
  }
  const format = formatOf(output);
  if (dryRun && yes) throw new RequestError('--yes: with --dry-run nothing is asked.');
  return { kind: 'revoke', output: format, context, namespace, secretName, reason, serial, now, dryRun, yes };
}

function readAccount(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...commonOptions, yes: { type: 'boolean', short: 'y', default: false } },
  });
  const { help: asksForHelp, output, context, yes } = values;
  if (asksForHelp) return { kind: 'help', command: 'account' };
  const [action, ...others] = positionals;
  if ((action !== undefined && action !== 'rollover') || others.length > 0) {
    throw new RequestError(`${quoted(...positionals)}: kube-lego account takes rollover, or only options.`);
  }
  const format = formatOf(output);
  if (action === undefined && yes) {
    throw new RequestError('--yes: kube-lego account asks nothing; only kube-lego account rollover does.');
  }
  return action === 'rollover'
    ? { kind: 'rollover', output: format, context, yes }
    : { kind: 'account', output: format, context };
}

function readZones(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...commonOptions, offline: { type: 'boolean', default: false } },
  });
  const { help: asksForHelp, output, context, offline } = values;
  if (asksForHelp) return { kind: 'help', command: 'zones' };
  const [domain, ...others] = positionals;
  if (others.length > 0) throw new RequestError(`${quoted(...others)}: kube-lego zones takes one domain.`);
  return { kind: 'zones', output: formatOf(output), context, domain, offline };
}

function readImport(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      ...commonOptions,
      namespace: { type: 'string', short: 'n' },
      apply: { type: 'boolean', default: false },
      revert: { type: 'boolean', default: false },
    },
  });
  const { help: asksForHelp, output, context, namespace, apply, revert } = values;
  if (asksForHelp) return { kind: 'help', command: 'import' };
  if (positionals.join(' ') !== 'cert-manager') {
    throw new RequestError('Say what to import from: kube-lego import cert-manager.');
  }
  return {
    kind: 'import',
    output: formatOf(output),
    context,
    namespace: namespaceOf(namespace),
    apply,
    revert,
  };
}

const readers: Readonly<Record<Command, (argv: readonly string[]) => Request>> = {
  status: readStatus,
  explain: readExplain,
  retry: readRetry,
  revoke: readRevoke,
  account: readAccount,
  zones: readZones,
  import: readImport,
  page: readPage,
};

/** The kinds of sources that are named by a word before the object; an Ingress needs none. */
export const sourceWords: Readonly<Record<string, string>> = {
  ingress: 'Ingress',
  gateway: 'Gateway',
  listenerset: 'ListenerSet',
};

/** `NAMESPACE/NAME` of an Ingress, or another kind of source before it. @throws RequestError */
function sourceNamed(positionals: readonly string[]): SourceReference {
  const [word = '', ...others] = positionals;
  const isKind = Object.hasOwn(sourceWords, word.toLowerCase());
  if (!isKind && !word.includes('/') && others.length === 1) {
    throw new RequestError(`${quoted(word)}: KIND must be one of ${Object.keys(sourceWords).join(', ')}.`);
  }
  const kind = (isKind ? sourceWords[word.toLowerCase()] : undefined) ?? 'Ingress';
  const [namespace, name] = namesOf(isKind ? others : positionals, kind);
  return { kind, namespace, name };
}

/** The one argument `NAMESPACE/NAME`. @throws RequestError */
function namesOf(positionals: readonly string[], kind: string): [namespace: string, name: string] {
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(positionals[0] ?? '') ?? [];
  if (namespace === undefined || name === undefined || positionals.length !== 1) {
    throw new RequestError(`Name one ${kind} as NAMESPACE/NAME.`);
  }
  if (!isObjectName(name)) throw new RequestError(`${quoted(name)}: no object can have this name.`);
  return [namespaceOf(namespace), name];
}

/** Undefined: all. An empty one is none: a script whose variable is not set does not mean all. @throws RequestError */
function namespaceOf(text: string): string;
function namespaceOf(text: string | undefined): string | undefined;
function namespaceOf(text: string | undefined): string | undefined {
  if (text === undefined || dnsLabel.test(text)) return text;
  throw new RequestError(
    text === '' ? 'The namespace is empty.' : `${quoted(text)}: no namespace can have this name.`,
  );
}

/** A subdomain of RFC 1123, as Kubernetes asks of the names of most objects. */
function isObjectName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(text) && !text.includes('..');
}

/** @throws RequestError */
function expectNone(positionals: readonly string[], command: Command): void {
  if (positionals.length === 0) return;
  throw new RequestError(`${quoted(...positionals)}: kube-lego ${command} takes only options.`);
}

/** A serial number, in any of the ways in which it is printed, as Node writes it. @throws RequestError */
function serialOf(text: string): string {
  const digits = text
    .replaceAll(':', '')
    .replace(/^0x/i, '')
    .replace(/^0+(?=.)/, '');
  if (!/^[\da-f]{1,40}$/i.test(digits)) {
    throw new RequestError(
      `--serial=${quoted(text)}: must be a serial number, hexadecimal, with or without colons.`,
    );
  }
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return even.toUpperCase();
}

/** @throws RequestError */
function formatOf(output: string): 'text' | 'json' {
  if (output === 'text' || output === 'json') return output;
  throw new RequestError(`--output=${quoted(output)}: must be text or json.`);
}
