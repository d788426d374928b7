import type { Chart } from './chart.ts';

/**
 * How many steps each state is away from the initial one, by the longest way.
 * @throws Error when the states lead in a circle
 */
export function layersOf({ states, edges, initial }: Chart): ReadonlyMap<string, number> {
  const layers = new Map([[initial, 0]]);
  const leafOf = (id: string): string =>
    states.find((state) => state.id === id || state.group === id)?.id ?? id;
  for (let round = 0; round <= states.length; round += 1) {
    let changed = false;
    for (const { from, to } of edges) {
      const layer = (layers.get(from) ?? 0) + 1;
      const target = leafOf(to);
      if (layer <= (layers.get(target) ?? 0)) continue;
      layers.set(target, layer);
      changed = true;
    }
    if (!changed) return layers;
  }
  throw new Error('the states lead in a circle: only what comes from anywhere may lead back');
}
