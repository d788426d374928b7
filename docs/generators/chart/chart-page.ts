import { chartSettings, setByChart } from './chart-settings.ts';
import type { ChartValue } from './value-comments.ts';

/** deploy/chart/README.md */
export function chartPage(values: readonly ChartValue[]): string {
  const rows = values.map(({ path, description, fallback }) =>
    row(`\`${path.join('.')}\``, `\`${JSON.stringify(fallback)}\``, description),
  );
  const settings = chartSettings().map(({ key, option }) =>
    row(
      `\`settings.${key}\``,
      `\`${option.variable}\``,
      option.fallback ? `\`${option.fallback}\`` : '',
      option.description,
    ),
  );
  const others = Object.entries(setByChart).map(([variable, source]) => row(`\`${variable}\``, source));
  return `# kube-lego's Helm chart

<!-- Written by \`npm run docs\` from values.yaml and src/config/options.ts; a test compares it. -->

    helm install kube-lego deploy/chart --namespace kube-lego --create-namespace \\
      --set image.repository=registry.example.com/kube-lego \\
      --set settings.email=you@example.com \\
      --set settings.url=https://acme-v02.api.letsencrypt.org/directory

Without \`settings.url\` the CA is Let's Encrypt's staging CA, whose certificates browsers do not trust: right for a first try. With its
defaults the chart makes the objects of deploy/base, except for the namespace, which \`--create-namespace\` makes; label it as deploy/base does:

    kubectl label namespace kube-lego pod-security.kubernetes.io/enforce=restricted

- A namespace holds one release: the names of its records are fixed, so Helm refuses a second one. Releases in different namespaces
  need different names, and different annotations (\`settings.kubeAnnotation\`) or ingress classes.
- A key that the chart does not know is an error.
- A changed value rolls the Deployment where it matters to the pods; a Secret or ConfigMap of yours does not.
- \`helm uninstall\` takes away the objects of the release and leaves what kube-lego has written: certificates, account Secret, records.
  A later installation goes on with them.
- To take over from \`kubectl apply -k\`: \`helm install … --take-ownership --force-conflicts\`, with the same names.

## Values

| value | default | meaning |
| --- | --- | --- |
${rows.join('')}
## Settings

Of kube-lego itself, each a variable of [docs/configuration.md](../../docs/configuration.md). Lists are YAML lists, pairs and JSON YAML
objects. What is secret does not belong into values: \`extraEnv\` takes it from a Secret.

| value | variable | default | meaning |
| --- | --- | --- | --- |
${settings.join('')}
The chart itself sets the others:

| variable | from |
| --- | --- |
${others.join('')}`;
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}
