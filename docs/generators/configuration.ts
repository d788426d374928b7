import { flagOf, type Option, obsoleteVariables, optionGroups } from '../../src/config/options.ts';

/** docs/configuration.md, from the same table as the settings themselves. */
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

Every setting is an environment variable, or an equal option on the command line, which wins. An empty variable counts as
not set. All are checked together at the start: a wrong value stops it, and every wrong value is named at once. A variable
\`LEGO_…\` that does not exist is a warning in the log; an unknown option is an error. Durations are written as in Go:
\`30s\`, \`8h\`, \`1h30m\`.

Requests to the CA go through the proxy that \`HTTPS_PROXY\` and \`NO_PROXY\` name. Outside of a cluster \`KUBECONFIG\` says where
the API server is.

${groups.join('\n')}
## Variables of the kube-lego of 2016 without a meaning today

They are accepted, with a line in the log.

${obsolete.join('')}`;
}

function row({ variable, description, fallback = '', secret }: Option<unknown>): string {
  const flag = secret === true ? 'none' : `\`${flagOf(variable)}\``;
  const standard = fallback === '' ? '' : `\`${fallback}\``;
  return `| \`${variable}\` | ${flag} | ${standard} | ${description.replaceAll('|', '\\|')} |\n`;
}
