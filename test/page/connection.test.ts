import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { eventually } from '../time/eventually.ts';
import { openBrowser } from './browser.ts';
import { visit, waitForCount, waitForText } from './visit.ts';
import { detailOf, rowOf, snapshotOf } from './world.ts';

const rows = '.row:visible';
const notLive = 'Not live, reconnecting…';

async function turn(page: Page, visibility: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${visibility === 'hidden'} });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

describe('the connection of the inspector page', () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  const web = rowOf('shop/web', { state: 'validating' });
  const few = () => snapshotOf([rowOf('blog/web'), web]);
  const changed = { upserts: [rowOf('shop/web', { state: 'storing' })] };
  const showsChange = (page: Page) => page.locator(rows, { hasText: 'shop/web' }).getByText('storing');

  /** A page with the detail of an Ingress, and as many more of them in tabs of the same browser. */
  async function tabs(t: TestContext, more: number) {
    const { page, feed } = await visit(t, browser, few());
    feed.details.set('Ingress/shop/web', detailOf(web));
    const pages = [page];
    const address = `${feed.address}/#/Ingress/shop/web`;
    await page.goto(address);
    const open = async () => {
      const another = await page.context().newPage();
      pages.push(another);
      await another.goto(address, { waitUntil: 'commit' });
      return another;
    };
    for (let count = 0; count < more; count += 1) await open();
    return { feed, pages, open };
  }

  it('leaves room for other tabs, each with an Ingress open', async (t) => {
    const { feed, pages } = await tabs(t, 4);
    for (const page of pages) await page.locator('[data-state=validating].current').waitFor();
    await eventually('each has one', () => feed.viewers === 5);
    feed.tell(changed);
    for (const page of pages) await showsChange(page).waitFor();
  });

  it('is closed in a tab that nobody sees, and goes on where it was', async (t) => {
    const { feed, pages, open } = await tabs(t, 4);
    for (const page of pages) await page.locator('.connection.live').waitFor();
    for (const page of pages) await turn(page, 'hidden');
    await eventually('all are closed', () => feed.viewers === 0);
    const [first] = pages;
    for (let count = 0; count < 3; count += 1) {
      const another = await open();
      await another.locator('[data-state=validating].current').waitFor();
    }
    feed.tell(changed);
    assert.ok(first !== undefined);
    await turn(first, 'visible');
    await showsChange(first).waitFor();
    assert.equal(feed.arrivals.at(-1), '0', 'it goes on after the snapshot');
  });

  it('comes back with a page that the browser has kept in memory', async (t) => {
    const { page, feed } = await visit(t, browser, few());
    const tell = (event: string) =>
      page.evaluate(`dispatchEvent(new PageTransitionEvent('${event}', { persisted: true }))`);
    await tell('pagehide');
    await eventually('it is closed', () => feed.viewers === 0);
    feed.tell(changed);
    await tell('pageshow');
    await showsChange(page).waitFor();
  });

  it('is said to be lost when the controller is gone, and is up to date when it is back', async (t) => {
    const { page, feed } = await visit(t, browser, few());
    feed.tell(changed);
    await showsChange(page).waitFor();
    await feed.stop();
    await waitForText(page, '#connection', notLive);
    feed.snapshot = snapshotOf([rowOf('blog/other')]);
    await feed.start();
    await waitForText(page, '#connection', 'Live');
    await waitForCount(page, rows, 1);
    await page.locator(rows, { hasText: 'blog/other' }).waitFor();
    assert.equal(feed.arrivals.at(-1), '1', 'the id of the last event that was seen');
    await waitForText(page, '#spoken', 'Reconnected, live again');
  });

  it('is said to be lost after forty seconds without a sign of life, and is opened anew', async (t) => {
    const { page, feed } = await visit(t, browser, few(), { prepare: (page) => page.clock.install() });
    const since = page.locator(rows, { hasText: 'shop/web' }).locator('.since');
    for (const hours of [1, 2, 3, 4]) {
      await page.clock.runFor(15_000);
      feed.beat(web.since + hours * 3_600_000);
      await eventually('it has been heard, and sets the clock', async () => {
        await page.clock.runFor(1000);
        return (await since.textContent())?.startsWith(`${hours} h`) === true;
      });
    }
    await page.clock.runFor(35_000);
    assert.equal(feed.arrivals.length, 1, 'with signs of life it stays');
    // In small steps: soon after, a new connection is made.
    await eventually('it is said to be lost', async () => {
      await page.clock.runFor(250);
      return (await page.locator('#connection-text').textContent()) === notLive;
    });
    await page.clock.runFor(1000);
    await waitForText(page, '#connection', 'Live');
    assert.equal(feed.arrivals.length, 2);
  });

  it('has the page loaded anew when another release answers', async (t) => {
    const { page, feed } = await visit(t, browser, few());
    await page.evaluate("document.body.dataset.release = 'old'");
    await feed.stop();
    feed.snapshot = { ...feed.snapshot, controller: { ...feed.snapshot.controller, version: '9.9.9' } };
    await feed.start();
    await page.locator('body:not([data-release])').waitFor();
    await page.locator('#about', { hasText: '9.9.9' }).waitFor();
  });
});
