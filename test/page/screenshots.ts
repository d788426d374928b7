import { mkdir, writeFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { openBrowser } from './browser.ts';
import { Showcase } from './showcase.ts';

// Takes the screenshots of docs/inspector.md: `npm run screenshots`.
const folder = new URL('../../docs/inspector/', import.meta.url);
const wide = { width: 1360, height: 850 };
const phone = { width: 390, height: 844 };

await using showcase = await Showcase.start();
const browser = await openBrowser();
try {
  await mkdir(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    const look = { viewport: wide, colorScheme };
    await take(`list-${colorScheme}`, '#/', look);
    await take(`issuance-${colorScheme}`, '#/Ingress/shop/storefront', look);
    await take(`trouble-${colorScheme}`, '#/Ingress/media/admin', look);
    await take(`supervisor-${colorScheme}`, '#/supervisor', look);
  }
  await take('phone-list', '#/', { viewport: phone, colorScheme: 'light' });
  await take('phone-trouble', '#/Ingress/media/admin', { viewport: phone, colorScheme: 'light' });
} finally {
  await browser.close();
}

async function take(
  name: string,
  hash: string,
  options: { readonly viewport: typeof wide; readonly colorScheme: 'light' | 'dark' },
): Promise<void> {
  const context = await browser.newContext({ ...options, timezoneId: 'UTC', deviceScaleFactor: 1 });
  const page: Page = await context.newPage();
  await page.goto(`${showcase.address}/${hash}`);
  await page.locator('.connection.live').waitFor();
  await page.locator('.row:visible, .pane:visible').first().waitFor();
  if (hash.includes('Ingress')) {
    await page.locator('.chart svg .current').waitFor();
    // What is in the Secret comes with the next beat.
    await showcase.pass(500);
    await page.locator('.certificate dt', { hasText: 'Issuer' }).first().waitFor();
  }
  await writeFile(new URL(`${name}.png`, folder), await page.screenshot());
  await context.close();
}
