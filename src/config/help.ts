import type { Option } from './options/option.ts';
import { flagOf, optionGroups } from './options.ts';

const width = 80;
const indent = ' '.repeat(6);

/** What `--help` prints. */
export function helpText(version: string): string {
  const groups = Object.entries(optionGroups).map(([title, group]) => {
    const entries = Object.values<Option<unknown>>(group).map(describe);
    return `${title}:\n${entries.join('')}`;
  });
  return `kube-lego ${version}: ACME certificates for annotated Ingresses and Gateways.

Usage: kube-lego [--option=value ...]   the controller
       kube-lego COMMAND [options]      status, explain, retry, revoke, account,
                                        zones, import or page; COMMAND --help

Each option of the controller can also be set by the variable beside it; the
option wins.

${groups.join('\n')}
Other:
  -h, --help
  -V, --version
`;
}

function describe({ variable, placeholder, description, fallback, secret }: Option<unknown>): string {
  const flag = `${flagOf(variable)}=${placeholder}`;
  const names = secret === true ? `${variable} (no option)` : withVariable(flag, variable);
  const ending = fallback === undefined || fallback === '' ? '' : ` [${fallback}]`;
  return `  ${names}\n${wrap(description + ending)}\n`;
}

function withVariable(flag: string, variable: string): string {
  const room = 2 + flag.length + 2 + variable.length <= width;
  return room ? `${flag}  ${variable}` : `${flag}\n    ${variable}`;
}

function wrap(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line].join('\n');
}
