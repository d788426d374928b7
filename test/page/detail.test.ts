import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { openBrowser } from './browser.ts';
import { issuance, showcase, trouble } from './busy-cluster.ts';
import { visit, waitForCount } from './visit.ts';
import { detailOf, progressOf, rowOf, snapshotOf } from './world.ts';

describe('the detail of the inspector page', () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  it('shows an issuance in its statechart, host by host, from checking to idle', async (t) => {
    const start = issuance();
    const { row } = start;
    const { page, feed, complaints } = await visit(t, browser, snapshotOf([row]));
    const at = Date.now();
    const checking = { ...row, state: 'checking' as const };
    feed.details.set(row.key, { ...start, row: checking, path: start.path.slice(0, 2) });
    await page.locator('.row', { hasText: 'storefront' }).click();
    await page.locator('[data-state=checking].current').waitFor();
    feed.tellDetail(start);
    await page.locator('[data-state=validating].current').waitFor();
    assert.equal(await page.locator('.node.visited').count(), 4);
    assert.equal(
      await page.locator('.edge.taken').count(),
      4,
      'the event that began it, and three transitions',
    );
    const host = page.locator('.steps tr', { hasText: 'www.shop.example.com' });
    assert.deepEqual(
      await host.locator('td').evaluateAll((cells) => cells.map((cell) => String(cell.className))),
      ['done', 'done', 'done', 'done', 'running', 'waiting', 'waiting'],
    );
    const idle = rowOf('shop/storefront', { state: 'idle', since: at });
    feed.tellDetail(
      detailOf(idle, { path: [...start.path, { state: 'storing', at: at - 5 }, { state: 'idle', at }] }),
    );
    await page.locator('[data-state=idle].current').waitFor();
    await page
      .getByText('checking → queued → provisioning-challenge → validating → storing → idle')
      .waitFor();
    assert.deepEqual(complaints, []);
  });

  it('draws the statechart from top to bottom where the room is narrow, and from left to right where there is more', async (t) => {
    const { row } = issuance();
    const { page, feed, complaints } = await visit(t, browser, snapshotOf([row]), {
      viewport: { width: 390, height: 844 },
    });
    feed.details.set(row.key, issuance());
    await page.locator('.row').first().click();
    await page.locator('.chart svg.tall [data-state=validating].current').waitFor();
    const fits = await page.evaluate('document.documentElement.scrollWidth <= innerWidth');
    assert.equal(fits, true, 'nothing is wider than the phone');
    await page.setViewportSize({ width: 1300, height: 800 });
    await page.locator('.chart svg.wide [data-state=validating].current').waitFor();
    assert.equal(await page.locator('.edge.taken').count(), 4);
    assert.deepEqual(complaints, []);
  });

  it('is opened by its address, and says what has failed and when it is tried again', async (t) => {
    const feed = { ...showcase(), ingresses: [trouble().row] };
    const { page, feed: server } = await visit(t, browser, feed);
    server.details.set('Ingress/media/admin', trouble());
    await page.goto(`${server.address}/#/Ingress/media/admin`);
    await page.locator('.trouble', { hasText: 'SelfCheckFailed' }).waitFor();
    await page.locator('.remark', { hasText: 'Self-check: failed. another server answers: 404' }).waitFor();
    await page.locator('#detail .facts', { hasText: 'retry admin-tls in 1 h' }).waitFor();
    const good = page.locator('.certificate', { hasText: 'backstage-tls' });
    assert.match(await good.innerText(), /CN=R11[\s\S]*ARI window[\s\S]*Renewal/);
    assert.match(
      (await good.locator('.lifetime').getAttribute('aria-label')) ?? '',
      /^valid from .* renewed on/,
    );
    await waitForCount(page, '.timeline li:not(.date)', 18);
    assert.match(
      (await page.locator('.timeline li:not(.date)').first().textContent()) ?? '',
      /→ backing-off/,
    );
  });

  it('goes on with its times while nothing is told, and leaves focus and scrolling alone', async (t) => {
    const row = rowOf('shop/web', { state: 'backing-off' });
    const { page, feed } = await visit(t, browser, snapshotOf([row]), {
      prepare: (page) => page.clock.install(),
    });
    const detail = detailOf(row);
    const timeline = (first: string) =>
      Array.from({ length: 100 }, (_, index) => ({
        at: row.since + index,
        kind: 'event' as const,
        text: index === 0 ? first : `WAKE ${index}`,
      }));
    const nextAttemptAt = Date.now() + 200_000;
    const certificates = detail.certificates.map((one) => ({ ...one, nextAttemptAt }));
    feed.details.set('Ingress/shop/web', { ...detail, certificates, timeline: timeline('WAKE') });
    await page.locator('.row').first().click();
    const attempt = page.locator('.certificate dd', { hasText: /in \d/ }).last();
    await attempt.filter({ hasText: 'in 3 min' }).waitFor();
    const list = page.locator('.timeline ol');
    await list.focus();
    await list.evaluate((element) => {
      element.scrollTop = 200;
    });
    // Within the time in which a silent connection is not given up.
    for (let steps = 0; steps < 3; steps += 1) {
      await page.clock.runFor(30_000);
      feed.tellDetail({ ...detail, certificates, timeline: timeline(`WAKE again ${steps}`) });
      await list.getByText(`WAKE again ${steps}`).waitFor({ state: 'attached' });
    }
    await attempt.filter({ hasText: 'in 1 min' }).waitFor();
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'OL');
    assert.equal(await list.evaluate(({ scrollTop }) => scrollTop), 200);
  });

  it('says once what is about all hosts of an order', async (t) => {
    const row = rowOf('shop/web', { state: 'backing-off', hosts: ['a.example', 'b.example'] });
    const { page, feed } = await visit(t, browser, snapshotOf([row]));
    const hosts = row.hosts.map((host) => progressOf(host, 'order', 'failed', 'The CA wants no such names.'));
    const detail = detailOf(row);
    feed.details.set('Ingress/shop/web', {
      ...detail,
      certificates: detail.certificates.map((one) => ({ ...one, hosts })),
    });
    await page.locator('.row').first().click();
    await page.getByText('Order: failed. The CA wants no such names.').waitFor();
    await waitForCount(page, '.remark', 1);
    await waitForCount(page, '.steps td.failed', 2);
  });

  it('loads the drawing again when it could not be loaded', async (t) => {
    let requests = 0;
    const { page, feed } = await visit(t, browser, snapshotOf([rowOf('shop/web')]), {
      prepare: async (page) => {
        await page.clock.install();
        await page.route('**/statechart.json', (route) => {
          requests += 1;
          return requests === 1 ? route.abort() : route.continue();
        });
      },
    });
    feed.details.set('Ingress/shop/web', detailOf(rowOf('shop/web')));
    await page.locator('.row').first().click();
    await page.getByText('The drawing could not be loaded').waitFor();
    await page.clock.runFor(5000);
    await page.locator('[data-state=idle].current').waitFor();
  });

  it('shows hostile text as text', async (t) => {
    const markup = '<img src=x onerror=alert(1)>';
    const row = rowOf('shop/web', { hosts: [markup], error: { code: 'ChallengeFailed', message: markup } });
    const { page, feed, complaints } = await visit(t, browser, snapshotOf([row]));
    const detail = detailOf(row);
    feed.details.set('Ingress/shop/web', {
      ...detail,
      certificates: detail.certificates.map((one) => ({ ...one, issuer: markup, names: [markup] })),
      timeline: [{ at: Date.now(), kind: 'event', text: markup }],
    });
    await page.locator('.row').first().click();
    await page.locator('.timeline', { hasText: markup }).waitFor();
    assert.equal(await page.locator('main img').count(), 0);
    assert.deepEqual(complaints, []);
  });

  it('says when the Ingress is not there', async (t) => {
    const { page } = await visit(t, browser, snapshotOf([]), { hash: '#/Ingress/shop/nothing' });
    await page.getByText('This source does not exist').waitFor();
  });
});

describe('the supervisor on the inspector page', () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  it('shows queue, permits, blocks, budgets and the renewals to come, live', async (t) => {
    const snapshot = showcase();
    const { page, feed, complaints } = await visit(t, browser, snapshot, { hash: '#/supervisor' });
    await page.getByRole('heading', { name: 'Supervisor' }).waitFor();
    assert.equal(
      await page.getByRole('meter', { name: 'orders', exact: true }).getAttribute('aria-valuenow'),
      '8',
    );
    assert.match(
      await page
        .getByRole('meter', { name: /example\.com/ })
        .first()
        .innerText(),
      /7 of 50 · low[\s\S]*in 1[23] h/,
    );
    await waitForCount(page, '.blocks li', 2);
    assert.equal(await page.locator('.calendar .day').count(), 90);
    const { supervisor } = snapshot;
    feed.tell({ supervisor: { ...supervisor, queue: { ...supervisor.queue, waiting: 1234 }, blocks: [] } });
    await page.getByText('1,234', { exact: true }).waitFor();
    await page.getByText('The CA refuses nothing.').waitFor();
    assert.deepEqual(complaints, []);
  });
});
