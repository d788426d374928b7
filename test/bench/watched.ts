import type { Stage } from './stage.ts';

/** Does the work while a viewer has the page open. */
export async function watched<Value>({ world }: Stage, work: () => Promise<Value>): Promise<Value> {
  const leave = new AbortController();
  const viewer = await fetch(`http://127.0.0.1:${world.ports.inspector}/events`, { signal: leave.signal });
  const reading = viewer.text().catch(() => '');
  try {
    return await work();
  } finally {
    leave.abort();
    await reading;
  }
}
