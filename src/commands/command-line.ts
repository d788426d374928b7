import { parseArgs } from 'node:util';

export const commands = ['status', 'explain'] as const;
export type Command = (typeof commands)[number];

/** The parsed command line. */
export type Request =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'errors'; readonly errors: readonly string[] }
  | (Common & {
      readonly kind: 'status';
      readonly namespace: string | undefined;
      readonly problems: boolean;
      readonly watch: boolean;
    })
  | (Common & {
      readonly kind: 'explain';
      readonly namespace: string;
      readonly name: string;
      readonly offline: boolean;
    });

interface Common {
  readonly output: 'text' | 'json';
  /** Context of the kubeconfig; undefined: the current one. */
  readonly context: string | undefined;
}

const exitCodes = `Exit code: 0 all is well, 1 something is wrong or may not be read, 2 the command line or a setting is
invalid, 3 the API server cannot be reached.`;
const settings = `Reads with your kubeconfig (KUBECONFIG), in a pod with its ServiceAccount, and writes nothing. LEGO_ variables of the
controller that differ from the defaults (LEGO_KUBE_ANNOTATION, LEGO_WATCH_NAMESPACE, LEGO_URL, LEGO_NAMESPACE, ...)
have to be set here, too. In its pod they are:
  kubectl exec -n kube-lego deployment/kube-lego -- kube-lego`;
const common = `  -o, --output text|json  default: text
      --context NAME      context of the kubeconfig
  -h, --help              this text`;

const help: Readonly<Record<Command, string>> = {
  status: `Usage: kube-lego status [options]

The state of every managed Ingress, a line for each Secret: its certificate, or why there is none, and what happens
next; then the Secrets that no Ingress names any more, and the watched namespaces whose Ingresses may not be listed.

  -n, --namespace NAME    only this namespace
      --problems          only what needs action
  -w, --watch             repeat every few seconds
${common}

${settings} status
${exitCodes}
`,
  explain: `Usage: kube-lego explain NAMESPACE/INGRESS [options]

Why this Ingress has a certificate or none, what happens next and what to do: checks annotation, class, hosts, DNS,
challenge path, Secret and the last answer of the CA. In the pod, or with a kubectl port-forward of port 9403, it also
asks the controller: its state, the progress of each host, what an order waits for, and the last transitions.

      --offline           skip the checks of DNS and hosts
${common}

${settings} explain NAMESPACE/INGRESS
${exitCodes}
`,
};

export function isCommand(word: string | undefined): word is Command {
  return commands.some((command) => command === word);
}

/** @param argv the arguments after the command */
export function readRequest(command: Command, argv: readonly string[]): Request {
  try {
    return command === 'status' ? readStatus(argv) : readExplain(argv);
  } catch (error) {
    return refusal(command, error instanceof Error ? error.message : String(error));
  }
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
  if (asksForHelp) return { kind: 'help', text: help.status };
  if (positionals.length > 0) {
    return refusal('status', `${positionals.join(' ')}: kube-lego status takes only options.`);
  }
  if (!isFormat(output)) return refusal('status', `--output=${output}: must be text or json.`);
  return { kind: 'status', output, context, namespace, problems, watch };
}

function readExplain(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...commonOptions, offline: { type: 'boolean', default: false } },
  });
  const { help: asksForHelp, output, context, offline } = values;
  if (asksForHelp) return { kind: 'help', text: help.explain };
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(positionals[0] ?? '') ?? [];
  if (namespace === undefined || name === undefined || positionals.length !== 1) {
    return refusal('explain', 'Name one Ingress as NAMESPACE/NAME.');
  }
  if (!isFormat(output)) return refusal('explain', `--output=${output}: must be text or json.`);
  return { kind: 'explain', output, context, namespace, name, offline };
}

function isFormat(output: string): output is 'text' | 'json' {
  return output === 'text' || output === 'json';
}

function refusal(command: Command, error: string): Request {
  return { kind: 'errors', errors: [error, `See kube-lego ${command} --help.`] };
}
