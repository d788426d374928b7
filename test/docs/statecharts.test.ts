import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generatedFiles } from '../../docs/generators/generated.ts';
import { certificatePhases } from '../../machines/ingress/certificate.ts';
import { settledStates } from '../../machines/ingress/ingress-context.ts';

interface Box {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Drawing {
  readonly viewBox: readonly number[];
  readonly states: readonly Box[];
  readonly entries: readonly Box[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly path: string }[];
}

const statesOfIngress = new Set(['checking', ...settledStates]);

function generated(path: string): string {
  return generatedFiles().get(path) ?? '';
}

describe('the drawings in docs/statecharts.md', () => {
  const [ingress = '', certificate = ''] = [
    ...generated('docs/statecharts.md').matchAll(/```mermaid\n(.*?)```/gs),
  ].map(([, drawing = '']) => drawing);

  /** Every leaf has a line with its name, by an id without hyphens. */
  function statesIn(drawing: string): Set<string> {
    const lines = [...drawing.matchAll(/^ *(\w+): ([\w-]+)$/gm)];
    return new Set(lines.flatMap(([, id, name = '']) => (id === name.replaceAll('-', '_') ? [name] : [])));
  }

  it('show every state', () => {
    assert.deepEqual(statesIn(ingress), statesOfIngress);
    const inGroup = ['awaiting-slot', 'ordering'];
    const round = [...certificatePhases.filter((phase) => phase !== 'validating'), ...inGroup, 'ended'];
    assert.deepEqual(statesIn(certificate), new Set(round));
  });

  it('show the way of a round with what leads on', () => {
    for (const arrow of [
      'queued --> provisioning_challenge: ADMITTED',
      'provisioning_challenge --> ended: failed',
      'awaiting_slot --> ordering: SLOT_GRANTED',
      'ordering --> storing: done',
      'storing --> ended: done or failed',
    ]) {
      assert.ok(certificate.includes(`  ${arrow}\n`), arrow);
    }
  });

  it('show what is taken by itself, and what is taken in every state', () => {
    assert.ok(ingress.includes('  checking --> idle\n'));
    assert.ok(ingress.includes('  note left of checking: from every state on ASSIGNED or WAKE\n'));
  });
});

describe("the inspector page's drawing", () => {
  const drawings: Readonly<Record<string, Drawing>> = JSON.parse(
    generated('src/inspector/page/statechart.json'),
  );

  for (const [shape, { viewBox, states, entries, edges }] of Object.entries(drawings)) {
    it(`shows every state, and what leads to it: ${shape}`, () => {
      assert.deepEqual(new Set(states.map(({ name }) => name)), statesOfIngress);
      const ways = new Set(edges.map(({ from, to }) => `${from}>${to}`));
      for (const way of ['ASSIGNED>checking', 'WAKE>checking', 'checking>queued', 'storing>backing-off'])
        assert.ok(ways.has(way), way);
    });

    it(`lets no two boxes overlap, and nothing leave the picture: ${shape}`, () => {
      const boxes = [...states, ...entries];
      for (const [index, a] of boxes.entries()) {
        for (const b of boxes.slice(index + 1)) assert.ok(areApart(a, b), `${a.name} and ${b.name}`);
      }
      const [, , right = 0, bottom = 0] = viewBox;
      const corners = boxes.map(({ x, y, width, height }) => [x, y, x + width, y + height]);
      const points = edges.map(({ path }) => path.match(/-?\d+/g)?.map(Number) ?? []);
      for (const [index, value] of [...corners, ...points].flatMap((list) => [...list.entries()])) {
        const limit = index % 2 === 0 ? right : bottom;
        assert.ok(value >= 0 && value <= limit, `${value} in 0 to ${limit}`);
      }
    });
  }

  function areApart(a: Box, b: Box): boolean {
    const beside = a.x + a.width <= b.x || b.x + b.width <= a.x;
    return beside || a.y + a.height <= b.y || b.y + b.height <= a.y;
  }
});
