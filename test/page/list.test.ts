import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { openBrowser } from './browser.ts';
import { visit, waitForCount, waitForText } from './visit.ts';
import { manyRows, noWork, rowOf, snapshotOf } from './world.ts';

const rows = '.row:visible';

describe('the list of the inspector page', () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  const few = () =>
    snapshotOf([
      rowOf('blog/web'),
      rowOf('shop/web', { state: 'validating', next: { action: 'validate the hosts at the CA' } }),
      rowOf('shop/api', {
        state: 'backing-off',
        error: { code: 'SelfCheckFailed', message: 'Another server answers.' },
      }),
    ]);

  it('shows each Ingress with state, next action and error, and the counts per state', async (t) => {
    const { page, complaints } = await visit(t, browser, few());
    await waitForCount(page, rows, 3);
    const text = await page.locator(rows, { hasText: 'shop/api' }).innerText();
    assert.match(
      text,
      /backing-off[\s\S]*in 4[01] d[\s\S]*renew api-tls[\s\S]*SelfCheckFailed Another server answers\./,
    );
    const cut = page.locator(rows, { hasText: 'shop/api' }).locator('.cell.error');
    assert.equal(await cut.getAttribute('title'), 'SelfCheckFailed: Another server answers.');
    assert.equal(await page.locator('.chip.backing-off b').textContent(), '1');
    assert.equal(await page.locator('.chip.queued b').textContent(), '0');
    assert.match((await page.locator('#about').textContent()) ?? '', /1\.0\.0-alpha\.1 · kube-lego-/);
    assert.deepEqual(complaints, []);
  });

  it('shows only the states, the namespace and the words that are asked for', async (t) => {
    const { page } = await visit(t, browser, few());
    await page.locator('.chip.idle').click();
    await waitForCount(page, rows, 1);
    await page.locator('.chip.validating').click();
    await waitForCount(page, rows, 2);
    await page.locator('#namespace').selectOption('shop');
    await waitForCount(page, rows, 1);
    await page.locator('#search').fill('blog');
    await waitForCount(page, rows, 0);
    await page.getByText('Show all').click();
    await waitForCount(page, rows, 3);
    await page.locator('#search').fill('selfcheck API');
    await waitForCount(page, rows, 1);
    await waitForText(page, '#foot', '1 of 3');
  });

  it('says what to do where there is nothing yet, and no more than is known', async (t) => {
    const empty = snapshotOf([], { ...noWork, synced: false });
    const controller = { ...empty.controller, annotation: 'example.com/tls' };
    const { page, feed } = await visit(t, browser, { ...empty, controller });
    await waitForText(page, 'body', 'The Ingresses and Gateways of the cluster are not all read yet.');
    feed.tell({ supervisor: noWork });
    const told =
      'No Ingress or Gateway requests a certificate yet: set the annotation example.com/tls: "true".';
    await waitForText(page, 'body', told);
  });

  it('sorts by a column, and turns it round', async (t) => {
    const { page } = await visit(t, browser, few());
    await page.getByRole('button', { name: 'State' }).click();
    const first = page.locator(rows).first();
    await first.filter({ hasText: 'backing-off' }).waitFor();
    await page.getByRole('button', { name: 'State' }).click();
    await first.filter({ hasText: 'idle' }).waitFor();
    assert.equal(await page.locator('.head .state').getAttribute('aria-sort'), 'descending');
  });

  it('follows what changes, comes and goes', async (t) => {
    const { page, feed } = await visit(t, browser, few());
    await waitForCount(page, rows, 3);
    feed.tell({ upserts: [rowOf('shop/web', { state: 'storing' })] });
    await page.locator(rows, { hasText: 'shop/web' }).getByText('storing').waitFor();
    feed.tell({ upserts: [rowOf('blog/new')], removed: ['Ingress/blog/web'] });
    await page.locator(rows, { hasText: 'blog/new' }).waitFor();
    await waitForCount(page, '.row:visible:has-text("blog/web")', 0);
    assert.equal(await page.locator('.chip.storing b').textContent(), '1');
    assert.equal(await page.locator('.chip.validating b').textContent(), '0');
  });

  it('shows a hostile host and a hostile message as text', async (t) => {
    const markup = '<img src=x onerror=alert(1)><script>alert(2)</script><b id=injected>';
    const row = rowOf('shop/web', {
      hosts: [markup],
      error: { code: 'ChallengeFailed', message: markup },
      next: { action: markup },
    });
    const { page, complaints } = await visit(t, browser, snapshotOf([row]));
    await waitForCount(page, rows, 1);
    assert.equal(await page.locator('.row .host').textContent(), markup);
    assert.ok((await page.locator('.row .error').textContent())?.includes(markup));
    assert.equal(await page.locator('#injected, main img, main script').count(), 0);
    assert.deepEqual(complaints, []);
  });

  it('is used by keyboard: search, move, open, close', async (t) => {
    const { page } = await visit(t, browser, few());
    await waitForCount(page, rows, 3);
    await page.keyboard.press('/');
    await page.keyboard.type('shop');
    await waitForCount(page, rows, 2);
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate('document.activeElement.id'), 'list');
    await page.keyboard.press('End');
    assert.equal(await page.locator('#list').getAttribute('aria-activedescendant'), 'row-1');
    await page.keyboard.press('Enter');
    await page.locator('#detail').waitFor();
    assert.equal(new URL(page.url()).hash, '#/Ingress/shop/web');
    assert.equal(await page.evaluate('document.activeElement.id'), 'detail');
    assert.equal(
      await page
        .locator('[aria-selected=true]')
        .innerText()
        .then((text) => text.includes('shop/web')),
      true,
    );
    await page.keyboard.press('Escape');
    await page.locator('#detail').waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate('document.activeElement.id'), 'list');
  });

  it('has a name for everything that can be used', async (t) => {
    const { page } = await visit(t, browser, few());
    await waitForCount(page, rows, 3);
    const grid = page.getByRole('grid', { name: 'Sources' });
    assert.equal(await grid.getAttribute('aria-rowcount'), '4');
    const named = async () => {
      assert.equal(await page.getByRole('gridcell', { name: 'validating' }).count(), 1);
      for (const [role, name] of [
        ['searchbox', 'Search'],
        ['combobox', 'Namespace'],
        ['button', 'idle 1'],
        ['button', 'queued 0'],
        ['link', 'Supervisor'],
      ] as const) {
        assert.equal(await page.getByRole(role, { name, exact: true }).count(), 1, `${role} ${name}`);
      }
    };
    await named();
    await page.locator(rows, { hasText: 'shop/web' }).click();
    await page.locator('#detail').waitFor();
    await named();
    const list = await page.locator('#browse').ariaSnapshot();
    assert.match(list, /row "shop\/web validating [^"]+" \[selected\]/);
  });

  it('fits a phone: nothing to the side, the state in sight', async (t) => {
    const { page } = await visit(t, browser, few(), { viewport: { width: 360, height: 740 } });
    await waitForCount(page, rows, 3);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    const box = await page.locator(rows, { hasText: 'shop/web' }).getByText('validating').boundingBox();
    assert.ok(box !== null && box.x + box.width <= 360);
    await page.locator(rows, { hasText: 'shop/web' }).click();
    await page.locator('#detail').waitFor();
    assert.equal(await page.locator('#browse').isVisible(), false);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
  });

  it('is dark where the viewer wants it', async (t) => {
    const brightness =
      'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)';
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await visit(t, browser, few(), { colorScheme });
      const ground = await page.evaluate<number[]>(brightness);
      assert.equal(Math.max(...ground) < 60, colorScheme === 'dark', `${colorScheme}: ${ground.join()}`);
    }
  });

  it('holds 10,000 Ingresses of which hundreds change', async (t) => {
    const { page, feed } = await visit(t, browser, snapshotOf(manyRows(10_000)));
    await waitForText(page, '#foot', '10,000 sources');
    assert.ok((await page.locator('.row').count()) < 80);
    const paths = feed.snapshot.ingresses.map(({ key }) => key.slice('Ingress/'.length));
    for (let round = 0; round < 50; round += 1) {
      const changed = Array.from(
        { length: 10 },
        (_, index) => paths[(round * 971 + index * 37) % paths.length] ?? '',
      );
      feed.tell({ upserts: changed.map((path) => rowOf(path, { state: 'checking', since: Date.now() })) });
    }
    const last = feed.snapshot.ingresses.filter(({ state }) => state === 'checking').length;
    await waitForText(page, '.chip.checking', last.toLocaleString('en'));
    await page.locator('#list').press('End');
    await page.locator('.row.active').waitFor();
    assert.equal(await page.locator('#list').getAttribute('aria-activedescendant'), 'row-9999');
  });
});
