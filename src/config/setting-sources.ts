import { parseArgs } from 'node:util';
import { allOptions, flagOf, obsoleteVariables } from './options.ts';
import { nearest } from './spelling.ts';

/** A line for the log, which does not exist yet. */
export interface Notice {
  readonly level: 'info' | 'warn';
  readonly message: string;
}

/** A raw value and its origin: `LEGO_PORT` or `--port`. */
export interface WrittenSetting {
  readonly origin: string;
  readonly text: string;
}

export interface SettingSources {
  /** By variable, whatever the origin; flags take precedence. */
  readonly values: ReadonlyMap<string, WrittenSetting>;
  readonly errors: readonly string[];
  readonly notices: readonly Notice[];
  readonly request: 'help' | 'version' | undefined;
}

/** Gathers the values from environment and command line, without validation. */
export function gatherSources(env: NodeJS.ProcessEnv, argv: readonly string[]): SettingSources {
  const fromEnvironment = readEnvironment(env);
  const fromCommandLine = readCommandLine(argv);
  return {
    values: new Map([...fromEnvironment.values, ...fromCommandLine.values]),
    errors: fromCommandLine.errors,
    notices: fromEnvironment.notices,
    request: fromCommandLine.request,
  };
}

function readEnvironment(env: NodeJS.ProcessEnv) {
  const values = new Map<string, WrittenSetting>();
  const notices: Notice[] = [];
  const known = allOptions().map(({ variable }) => variable);
  const serviceNamedLego = env['LEGO_SERVICE_HOST'] !== undefined;
  for (const [variable, text = ''] of Object.entries(env)) {
    if (!variable.startsWith('LEGO_') || text.trim() === '') continue;
    const fromService =
      isServiceLink(variable, text) || (serviceNamedLego && variable === 'LEGO_SERVICE_PORT');
    const obsolete = obsoleteVariables[variable];
    if (fromService) {
      if (!known.some((name) => name === variable)) continue;
      const message = `${variable} comes from a Service named lego and is ignored: set enableServiceLinks: false in the pod.`;
      notices.push({ level: 'warn', message });
    } else if (known.some((name) => name === variable)) {
      values.set(variable, { origin: variable, text: text.trim() });
    } else if (obsolete !== undefined) {
      notices.push({ level: 'info', message: `${variable} is obsolete: ${obsolete}.` });
    } else {
      notices.push({
        level: 'warn',
        message: `Unknown setting ${variable} is ignored.${hint(variable, known)}`,
      });
    }
  }
  return { values, notices };
}

/** A variable that the kubelet sets for a Service whose name begins with `lego`. */
function isServiceLink(variable: string, text: string): boolean {
  return (
    /^(?:tcp|udp|sctp):\/\//.test(text) ||
    /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_|$)/.test(variable) ||
    /_SERVICE_HOST$|_SERVICE_PORT_/.test(variable)
  );
}

function readCommandLine(argv: readonly string[]) {
  const values = new Map<string, WrittenSetting>();
  const errors: string[] = [];
  let request: SettingSources['request'];
  const options = allOptions().filter(({ secret }) => secret !== true);
  const byFlag = new Map(options.map(({ variable }) => [flagOf(variable), variable]));
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    options: {
      ...Object.fromEntries(
        options.map(({ variable }) => [flagOf(variable).slice(2), { type: 'string' as const }]),
      ),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'V' },
    },
  });
  for (const token of tokens) {
    if (token.kind === 'positional') errors.push(`${token.value}: kube-lego takes options only; see --help.`);
    if (token.kind !== 'option') continue;
    const variable = byFlag.get(token.rawName);
    if (token.name === 'help' || token.name === 'version') request ??= token.name;
    else if (variable === undefined) {
      errors.push(`${token.rawName}: unknown option; see --help.${hint(token.rawName, [...byFlag.keys()])}`);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('-'))) {
      errors.push(`${token.rawName}: needs a value, as in ${token.rawName}=VALUE.`);
    } else values.set(variable, { origin: token.rawName, text: token.value.trim() });
  }
  return { values, errors, request };
}

function hint(written: string, known: readonly string[]): string {
  const meant = nearest(written, known);
  return meant === undefined ? '' : ` Did you mean ${meant}?`;
}
