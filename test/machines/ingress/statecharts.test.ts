import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { drawings } from '../../../docs/statecharts/drawings.ts';
import { pageChart, pageChartFile } from '../../../docs/statecharts/page-chart.ts';
import { certificatePhases } from '../../../machines/ingress/certificate.ts';
import { settledStates } from '../../../machines/ingress/ingress-context.ts';

const folder = new URL('../../../docs/statecharts/', import.meta.url);

function statesIn(svg: string): Set<string> {
  return new Set([...svg.matchAll(/data-state="([^"]*)"/g)].map(([, state = '']) => state));
}

describe('the drawings of the statecharts', () => {
  for (const [name, svg] of drawings()) {
    it(`are current: ${name}`, async () => {
      const drawn = await readFile(new URL(name, folder), 'utf8');
      assert.ok(drawn === svg, `docs/statecharts/${name} is older than its machine: npm run docs`);
    });

    it(`are embedded in docs/statecharts.md: ${name}`, async () => {
      const text = await readFile(new URL('../statecharts.md', folder), 'utf8');
      assert.ok(text.includes(`](statecharts/${name})`));
    });
  }

  it('are current: the one of the inspector page', async () => {
    const drawn = await readFile(pageChartFile, 'utf8');
    assert.deepEqual(JSON.parse(drawn), JSON.parse(pageChart()), 'older than its machine: npm run docs');
  });

  it('show every state', () => {
    assert.deepEqual(statesIn(drawings().get('ingress.svg') ?? ''), new Set(['checking', ...settledStates]));
    const inGroup = ['awaiting-slot', 'ordering'];
    const round = [...certificatePhases.filter((phase) => phase !== 'validating'), ...inGroup, 'ended'];
    assert.deepEqual(statesIn(drawings().get('certificate.svg') ?? ''), new Set(round));
  });
});
