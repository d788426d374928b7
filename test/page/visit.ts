import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Snapshot } from '../../src/inspector/protocol.ts';
import { FeedStandIn } from './feed-stand-in.ts';

const timeLimit = 60_000;

export interface Visit {
  readonly page: Page;
  readonly feed: FeedStandIn;
  /** What the browser complained of: errors of scripts, and what the Content-Security-Policy refused. */
  readonly complaints: readonly string[];
}

/** A viewer of a controller that knows this; both are gone after the test. */
export async function visit(
  t: TestContext,
  browser: Browser,
  snapshot: Snapshot,
  options: BrowserContextOptions & {
    readonly hash?: string;
    /** Before the page is loaded. */
    readonly prepare?: (page: Page) => Promise<void>;
  } = {},
): Promise<Visit> {
  const feed = new FeedStandIn(snapshot);
  await feed.start();
  t.after(() => feed.stop());
  const { hash = '', prepare, ...contextOptions } = options;
  const context = await browser.newContext({ viewport: { width: 1300, height: 800 }, ...contextOptions });
  t.after(() => context.close());
  context.setDefaultTimeout(timeLimit);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => undefined);
  });
  await prepare?.(page);
  await page.goto(`${feed.address}/${hash}`);
  await page.locator('.connection.live').waitFor();
  return { page, feed, complaints };
}

/** Waits until the locator's text is this, in whole. */
export async function waitForText(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector).getByText(text, { exact: true }).first().waitFor();
}

/** Waits until as many are visible as are expected. */
export async function waitForCount(page: Page, selector: string, count: number): Promise<void> {
  const end = Date.now() + timeLimit;
  let found = -1;
  while (Date.now() < end) {
    found = await page.locator(selector).count();
    if (found === count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(found, count, selector);
}
