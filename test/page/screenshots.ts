import { mkdir, writeFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { openBrowser } from './browser.ts';
import { FeedStandIn } from './feed-stand-in.ts';
import { issuance, showcase, trouble } from './showcase.ts';

// Takes the screenshots of docs/inspector.md: `node test/page/screenshots.ts`.
const folder = new URL('../../docs/inspector/', import.meta.url);
const wide = { width: 1360, height: 850 };
const phone = { width: 390, height: 844 };

const feed = new FeedStandIn(showcase());
for (const detail of [issuance(), trouble()]) feed.details.set(detail.row.key, detail);
await feed.start();
const browser = await openBrowser();
try {
  await mkdir(folder, { recursive: true });
  await take('list', '#/', { viewport: wide, colorScheme: 'light' });
  await take('detail', `#/ingress/${issuance().row.key}`, { viewport: wide, colorScheme: 'light' });
  await take('trouble-dark', `#/ingress/${trouble().row.key}`, { viewport: wide, colorScheme: 'dark' });
  await take('supervisor-dark', '#/supervisor', { viewport: wide, colorScheme: 'dark' });
  await take('phone-list', '#/', { viewport: phone, colorScheme: 'light' });
  await take('phone-detail', `#/ingress/${trouble().row.key}`, { viewport: phone, colorScheme: 'light' });
} finally {
  await browser.close();
  await feed.stop();
}

async function take(
  name: string,
  hash: string,
  options: { readonly viewport: typeof wide; readonly colorScheme: 'light' | 'dark' },
): Promise<void> {
  const context = await browser.newContext(options);
  const page: Page = await context.newPage();
  await page.goto(`${feed.address}/${hash}`);
  await page.locator('.connection.live').waitFor();
  await page.locator('.row:visible, .pane:visible').first().waitFor();
  if (hash.includes('ingress')) await page.locator('.chart svg .current').waitFor();
  await writeFile(new URL(`${name}.png`, folder), await page.screenshot());
  await context.close();
}
