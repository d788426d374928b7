import { readFileSync } from 'node:fs';
import { chartCopies } from './chart/chart-copies.ts';
import { chartPage } from './chart/chart-page.ts';
import { chartSchema } from './chart/chart-schema.ts';
import { readChartValues } from './chart/value-comments.ts';
import { configurationReference } from './configuration.ts';
import { metricsReference } from './metrics.ts';
import { pageChart } from './page-chart.ts';
import { statechartsPage } from './statecharts.ts';
import { troubleshootingGuide } from './troubleshooting.ts';

// Docs generated from the code: tables of settings, metrics and reasons, and the drawings of the statecharts; and what the chart
// shares with the kustomize base.
// `npm run docs` (docs/write.ts) writes them, test/docs compares them.

/** Path in the repository → text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const values = readChartValues(
    readFileSync(new URL('../../deploy/chart/values.yaml', import.meta.url), 'utf8'),
  );
  return new Map([
    ...chartCopies(),
    ['deploy/chart/README.md', chartPage(values)],
    ['deploy/chart/values.schema.json', chartSchema(values)],
    ['docs/configuration.md', configurationReference()],
    ['docs/metrics.md', metricsReference()],
    ['docs/troubleshooting.md', troubleshootingGuide()],
    ['docs/statecharts.md', statechartsPage()],
    ['src/inspector/page/statechart.json', pageChart()],
  ]);
}
