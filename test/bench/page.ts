import { setTimeout as delay } from 'node:timers/promises';
import type { CDPSession, Page } from 'playwright-core';
import { openBrowser } from '../page/browser.ts';
import { changesPerSecond, fleet, Inspected } from './inspected.ts';
import { patience } from './patience.ts';
import type { Bench } from './stage.ts';
import type { Row } from './table.ts';
import { ProcessUsage } from './usage.ts';

const period = 20_000;
const what = `${fleet.toLocaleString('en')} Ingresses of which ${changesPerSecond} change a second`;

/** The cost of the page: first paint, and the CPU of browser and controller. */
export async function measurePage({ progress }: Bench): Promise<Row[]> {
  progress(`starting ${fleet} Ingresses`);
  await using inspected = await Inspected.start();
  const usage = new ProcessUsage(inspected.pid);
  await usage.untilQuiet(patience);
  inspected.tell(true);
  progress('changes without a viewer');
  const unwatched = await shareOf(() => usage.cpuSeconds());
  inspected.tell(false);

  const browser = await openBrowser();
  try {
    progress('first paint');
    const paints: number[] = [];
    for (let visit = 0; visit < 3; visit += 1) {
      const page = await browser.newPage();
      await page.goto(inspected.url);
      paints.push(await paintOf(page));
      await page.close();
    }
    progress('changes with a viewer');
    const page = await browser.newPage({ viewport: { width: 1300, height: 800 } });
    await page.goto(inspected.url);
    await page.locator('.connection.live').waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    inspected.tell(true);
    await delay(2000);
    const [watched, viewing] = await Promise.all([
      shareOf(() => usage.cpuSeconds()),
      shareOf(() => processTime(session)),
    ]);
    return [
      {
        what: `page: first paint of ${fleet.toLocaleString('en')} Ingresses`,
        peer: '–',
        goal: '< 1 s',
        measured: paints.map((paint) => `${paint.toFixed(0)} ms`).join(', '),
        met: Math.max(...paints) < 1000,
      },
      {
        what: `page: CPU of the controller, one viewer, ${what}`,
        peer: '–',
        goal: '< 5 % of a core',
        measured: `${percent(watched)}; without a viewer ${percent(unwatched)}`,
        met: watched < 0.05,
      },
      {
        what: `page: CPU of the browser's page, ${what}`,
        peer: '–',
        goal: '< 5 % of a core',
        measured: percent(viewing),
        met: viewing < 0.05,
      },
    ];
  } finally {
    await browser.close();
  }
}

/** @returns milliseconds from the beginning of the visit until the list is drawn */
async function paintOf(page: Page): Promise<number> {
  for (;;) {
    const [paint] = await page.evaluate<number[]>(
      "performance.getEntriesByName('list-painted').map(({ startTime }) => startTime)",
    );
    if (paint !== undefined) return paint;
    await delay(50);
  }
}

/** CPU seconds of this page's process. */
async function processTime(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'ProcessTime')?.value ?? Number.NaN;
}

/** Of a core, by a meter of seconds of CPU. */
async function shareOf(meter: () => Promise<number>): Promise<number> {
  const [before, startedAt] = [await meter(), performance.now()];
  await delay(period);
  return (1000 * ((await meter()) - before)) / (performance.now() - startedAt);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
