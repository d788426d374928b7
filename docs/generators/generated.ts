import { configurationReference } from './configuration.ts';
import { metricsReference } from './metrics.ts';
import { pageChart } from './page-chart.ts';
import { statechartsPage } from './statecharts.ts';
import { troubleshootingGuide } from './troubleshooting.ts';

// Docs generated from the code: tables of settings, metrics and reasons, and the drawings of the statecharts.
// `npm run docs` (docs/write.ts) writes them, test/docs compares them.

/** Path in the repository → text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/configuration.md', configurationReference()],
    ['docs/metrics.md', metricsReference()],
    ['docs/troubleshooting.md', troubleshootingGuide()],
    ['docs/statecharts.md', statechartsPage()],
    ['src/inspector/page/statechart.json', pageChart()],
  ]);
}
