import type { Option } from '../../src/config/options/option.ts';
import { flagOf, obsoleteVariables, optionGroups } from '../../src/config/options.ts';

/** docs/configuration.md, from the table of settings. */
export function configurationReference(): string {
  const groups = Object.entries(optionGroups).map(([title, group]) => {
    const rows = Object.values<Option<unknown>>(group).map(row);
    return `## ${title}\n\n| variable | option | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('')}`;
  });
  const obsolete = Object.entries(obsoleteVariables).map(
    ([variable, reason]) => `- \`${variable}\`: ${reason}.\n`,
  );
  return `# Configuration

<!-- Written by \`npm run docs\`; a test compares it with src/config/options.ts. -->

Every setting is an environment variable or a command-line option, which takes precedence. An empty variable counts as not set.
All settings are checked at the start, which fails with a list of all invalid values. An unknown variable \`LEGO_…\` causes a warning
in the log, an unknown option an error. Durations are written as in Go: \`30s\`, \`8h\`, \`1h30m\`.

Requests to the CA, and to services that DNS zones name (httpreq, acme-dns), respect \`HTTPS_PROXY\` and \`NO_PROXY\`. Outside a cluster \`KUBECONFIG\` names the API server.

${groups.join('\n')}
## Obsolete variables of the kube-lego of 2016

They are ignored, with a line in the log.

${obsolete.join('')}`;
}

function row({ variable, description, fallback = '', secret }: Option<unknown>): string {
  const flag = secret === true ? 'none' : `\`${flagOf(variable)}\``;
  const standard = fallback === '' ? '' : `\`${fallback}\``;
  return `| \`${variable}\` | ${flag} | ${standard} | ${description.replaceAll('|', '\\|')} |\n`;
}
