// What .github/workflows/release.yaml does to deploy/chart before it packs it: --image NAME --digest sha256:… --home URL.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { publishedChart } from './published-chart.ts';

const { image, digest, home } = parseArgs({
  options: { image: { type: 'string' }, digest: { type: 'string' }, home: { type: 'string' } },
}).values;
if (image === undefined || digest === undefined || home === undefined) {
  throw new Error('--image, --digest and --home are all needed');
}

const read = (name: string): string => readFileSync(fileOf(name), 'utf8');
const texts = publishedChart(
  {
    'Chart.yaml': read('Chart.yaml'),
    'values.yaml': read('values.yaml'),
    'README.md': read('README.md'),
  },
  { image, digest, home, version: manifest.version },
);
for (const [name, text] of Object.entries(texts)) writeFileSync(fileOf(name), text);

function fileOf(name: string): URL {
  return new URL(`../chart/${name}`, import.meta.url);
}
