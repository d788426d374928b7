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

/** docs/metrics.md, from the same table as `/metrics`, and from the alerts. */
export function metricsReference(): string {
  const alerts = readRules().groups.flatMap(({ rules }) => rules);
  return `# Metrics

<!-- Written by \`npm run docs\`; a test compares it with src/metrics/catalogue.ts and the alerts. -->

\`/metrics\` on port 9402 (\`LEGO_METRICS_PORT\`, the port of the probes) answers GET and HEAD in Prometheus' text format, version
0.0.4. An answer is good for a second, five can be under way at a time, and a reader that takes longer than ten seconds is left.

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
      - { source_labels: [__meta_kubernetes_pod_container_port_name], regex: health, action: keep }
      - { source_labels: [__meta_kubernetes_pod_name], target_label: pod }
\`\`\`

\`deploy/components/prometheus/dashboard.json\` is a dashboard for Grafana.

Whoever reaches the port may read: names of namespaces and Secrets, and numbers. Hosts, tokens, keys, links and what the CA said are not
in it. If names are a secret in your cluster, let a NetworkPolicy admit to port 9402 only Prometheus and the kubelet.

## What there is

The number of series is bounded, and what it grows with is in the last column: three for each Secret that is seen to, at most, and
they go when the Secret is no longer asked for. About 1,300 others can come to be in all, of which a quiet installation has
about 180. Labels that somebody else chooses (a status, a type of problem) are taken only as far as they are known; the rest is \`other\`.

What is said of Ingresses, Secrets and limits is read when Prometheus asks, and nothing of it is kept in between. With 1,000 certificates
an answer has 0.2 MB and costs some milliseconds to 25 of CPU, with 10,000 it has 2 MB and costs about 50; every 30 seconds is often enough.

| metric | type | labels | meaning | series |
| --- | --- | --- | --- | --- |
${[...Object.values<MetricDefinition>(sampledMetrics), ...Object.values<MetricDefinition>(countedMetrics)].map(metricRow).join('')}
## Alerts

They are in deploy/components/prometheus/prometheus-rule.yaml; each is tested with promtool for when it fires and when it does not.

| alert | severity | after | meaning |
| --- | --- | --- | --- |
${alerts.map(alertRow).join('')}
${alerts.map(alertSection).join('\n')}
## How it is tested

What \`/metrics\` answers is parsed and checked for the conventions by Prometheus' own parser (\`promtool check metrics\`), the alerts
and the queries of the dashboard by its rules engine (\`promtool check rules\`, \`promtool test rules\`). Go builds promtool from
test/metrics/promtool/go.mod, once, in about two minutes; \`PROMTOOL\` names one that is there already.
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
