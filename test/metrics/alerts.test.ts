import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readRules } from '../../docs/generators/metrics.ts';
import { countedMetrics, type MetricDefinition, sampledMetrics } from '../../src/metrics/catalogue.ts';
import { arrayField, stringField } from '../../src/process/json.ts';
import { promtool } from './promtool.ts';

const root = join(import.meta.dirname, '../..');
const rules = readRules().groups.flatMap((group) => group.rules);
const known: ReadonlySet<string> = new Set(
  [
    ...Object.values<MetricDefinition>(sampledMetrics),
    ...Object.values<MetricDefinition>(countedMetrics),
  ].flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  ),
);

function unknownMetrics(expression: string): string[] {
  const named = expression.match(/\b(?:kube_lego|process)_[a-z_]+/g) ?? [];
  return named.filter((name) => !known.has(name));
}

/** The queries of the dashboard, with something in the place of its variables. */
async function dashboardQueries(): Promise<string[]> {
  const text = await readFile(join(root, 'deploy/components/prometheus/dashboard.json'), 'utf8');
  const dashboard: unknown = JSON.parse(text);
  const panels = arrayField(dashboard, 'panels').flatMap((panel) => arrayField(panel, 'targets'));
  return panels.map((target) =>
    (stringField(target, 'expr') ?? '').replaceAll('$__rate_interval', '5m').replaceAll('$namespace', '.*'),
  );
}

describe('the alerts', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-lego-alerts-'));
    await writeFile(join(folder, 'rules.yaml'), JSON.stringify(readRules()));
    await copyFile(join(import.meta.dirname, 'alerts.yaml'), join(folder, 'alerts.yaml'));
  });
  after(() => rm(folder, { recursive: true }));

  it('are rules that Prometheus accepts', async () => {
    const said = await promtool(['check', 'rules', '--lint=all', '--lint-fatal', join(folder, 'rules.yaml')]);
    assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });

  it('fire when they should and not before', async () => {
    await promtool(['test', 'rules', join(folder, 'alerts.yaml')]);
  });

  it('are all among those tests', async () => {
    const tests = await readFile(join(import.meta.dirname, 'alerts.yaml'), 'utf8');
    for (const { alert } of rules)
      assert.match(tests, new RegExp(`- labels: 'ALERTS\\{alertname="${alert}"`));
  });

  it('ask for what /metrics has', () => {
    assert.deepEqual(
      rules.flatMap(({ expr }) => unknownMetrics(expr)),
      [],
    );
  });

  it('lead to chapters of docs/troubleshooting.md that exist', async () => {
    const guide = await readFile(join(root, 'docs/troubleshooting.md'), 'utf8');
    const anchors = new Set([...guide.matchAll(/^#+ (\w+)$/gm)].map(([, title = '']) => title.toLowerCase()));
    for (const { alert, annotations } of rules) {
      assert.match(annotations.runbook, /docs\/troubleshooting\.md/, alert);
      for (const [, anchor = ''] of annotations.runbook.matchAll(/troubleshooting\.md#(\w+)/g)) {
        assert.ok(anchors.has(anchor), `${alert}: ${anchor}`);
      }
    }
  });
});

describe('the dashboard', () => {
  it('asks for what /metrics has, in PromQL', async () => {
    const queries = await dashboardQueries();
    assert.deepEqual(queries.flatMap(unknownMetrics), []);
    const folder = await mkdtemp(join(tmpdir(), 'kube-lego-dashboard-'));
    try {
      const file = join(folder, 'queries.yaml');
      const records = queries.map((expr, index) => ({ record: `dashboard:query:${index}`, expr }));
      await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: records }] }));
      assert.match(await promtool(['check', 'rules', file]), new RegExp(`SUCCESS: ${queries.length} rules`));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('shows every metric of ours, or an alert looks at it', async () => {
    const asked = [...(await dashboardQueries()), ...rules.map(({ expr }) => expr)].join('\n');
    // What promtool or a person looks up, not a graph.
    const elsewhere = ['process_start_time_seconds', 'kube_lego_acme_request_duration_seconds'];
    const unseen = [...Object.values(sampledMetrics), ...Object.values(countedMetrics)]
      .map(({ name }) => name)
      .filter((name) => !elsewhere.includes(name) && !asked.includes(name));
    assert.deepEqual(unseen, []);
  });
});
