import { readFileSync } from 'node:fs';
import { loadYaml } from '@kubernetes/client-node';
import { countedMetrics, type MetricDefinition, sampledMetrics } from '../../src/metrics/catalogue.ts';

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface PrometheusRule {
  readonly spec: {
    readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
  };
}

const rulesFile = new URL('../../deploy/components/prometheus/prometheus-rule.yaml', import.meta.url);

export function readRules(): PrometheusRule['spec'] {
  const { spec }: PrometheusRule = loadYaml(readFileSync(rulesFile, 'utf8'));
  return spec;
}

/** docs/metrics.md, from the table behind `/metrics` and from the alerts. */
export function metricsReference(): string {
  const alerts = readRules().groups.flatMap(({ rules }) => rules);
  return `# Metrics

<!-- Written by \`npm run docs\`; a test compares it with src/metrics/catalogue.ts and the alerts. -->

\`/metrics\` on port 9402 (\`LEGO_METRICS_PORT\`) answers GET and HEAD in Prometheus' text format, version 0.0.4. An answer is cached
for a second; one that takes longer than ten seconds is aborted, and the oldest of five when a sixth is asked for.

With the Prometheus operator, \`deploy/components/prometheus\` brings a PodMonitor and the alerts below. Without it:

\`\`\`yaml
scrape_configs:
  - job_name: kube-lego
    honor_labels: true # \`namespace\` is that of the Secret
    kubernetes_sd_configs:
      - role: pod
        namespaces: { names: [kube-lego] }
    relabel_configs:
      - { source_labels: [__meta_kubernetes_pod_label_app], regex: kube-lego, action: keep }
      - { source_labels: [__meta_kubernetes_pod_container_port_name], regex: metrics, action: keep }
      - { source_labels: [__meta_kubernetes_pod_name], target_label: pod }
\`\`\`

\`deploy/components/prometheus/dashboard.json\` is a dashboard for Grafana.

Everybody who can reach the port can read it: names of namespaces and Secrets, and numbers. It contains no hosts, tokens, keys, links or
texts of the CA. If names are confidential in your cluster, add [deploy/components/network-policy](../deploy/components/network-policy).

## Metrics

The number of series is bounded; the last column shows the bound: at most three for each managed Secret, removed when no Ingress
asks for the Secret any more, and about 1,300 others, of which a quiet installation has about 180. Label values from outside (an HTTP
status, a problem type) are limited to the known ones; the rest is \`other\`.

Ingresses, Secrets and limits are sampled at each scrape; nothing is kept in between. With 1,000 certificates an answer has 0.2 MB and
costs up to 25 ms of CPU, with 10,000 it has 2 MB and costs about 50 ms; a scrape every 30 seconds is enough.

| metric | type | labels | meaning | series |
| --- | --- | --- | --- | --- |
${[...Object.values<MetricDefinition>(sampledMetrics), ...Object.values<MetricDefinition>(countedMetrics)].map(metricRow).join('')}
## Alerts

In deploy/components/prometheus/prometheus-rule.yaml. promtool tests when each fires and when it does not.

| alert | severity | after | meaning |
| --- | --- | --- | --- |
${alerts.map(alertRow).join('')}
${alerts.map(alertSection).join('\n')}
## How it is tested

Prometheus' own tools check the answer of \`/metrics\` (\`promtool check metrics\`), and the alerts and the queries of the dashboard
(\`promtool check rules\`, \`promtool test rules\`).
`;
}

function metricRow({ name, type, labels, help, series }: MetricDefinition): string {
  const listed = labels.map((label) => `\`${label}\``).join(', ');
  return `| \`${name}\` | ${type} | ${listed} | ${help} | ${series} |\n`;
}

function alertRow({ alert, labels, for: after, annotations }: AlertRule): string {
  return `| [${alert}](#${alert.toLowerCase()}) | ${labels.severity} | ${after} | ${readable(annotations.summary)} |\n`;
}

function alertSection({ alert, expr, annotations }: AlertRule): string {
  return `### ${alert}\n\n${annotations.runbook}\n\n\`\`\`promql\n${expr.trim()}\n\`\`\`\n`;
}

/** `{{ $labels.secret }}` as `SECRET`, `{{ $value | humanizeDuration }}` as `N`. */
function readable(template: string): string {
  return template
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => label.toUpperCase())
    .replaceAll(/\{\{ \$value[^}]*\}\}/g, 'N');
}
