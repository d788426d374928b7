import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { gate } from '../controller-failures/gate.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { openBrowser } from './browser.ts';

let stage: Stage;
let browser: Browser;

describe('the page of a running controller', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop', 'blog'], proxyCa: true });
    await stage.world.dns.setNoAddress('dead.example.com');
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '20s' });
    browser = await openBrowser();
  });
  after(async () => {
    await browser.close();
    await stage.stop();
  });

  /** @returns the page, and what the browser complained of, but for connections that were refused */
  async function open(t: TestContext, hash = ''): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({ viewport: { width: 1300, height: 900 } });
    t.after(() => context.close());
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('ERR_')) complaints.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${stage.world.ports.inspector}/${hash}`);
    await page.locator('.connection.live').waitFor();
    return { page, complaints };
  }

  it('shows an issuance from checking to idle, host by host', async (t) => {
    const { page, complaints } = await open(t, '#/Ingress/shop/web');
    await page.getByText('This source does not exist').waitFor();
    const held = gate();
    stage.ca.interfere = ({ path, forward }) => (path.startsWith('/certZ/') ? held.pass(forward) : undefined);
    await stage.apply(ingress('shop/web', { tls: { 'web-tls': ['web.example.com'] } }));
    await held.reached;
    await page.locator('[data-state=validating].current').waitFor();
    const cells = page.locator('.steps tr', { hasText: 'web.example.com' }).first().locator('td');
    const steps = () => cells.evaluateAll((all) => all.map((cell) => String(cell.className)));
    await page.locator('.steps td.done').nth(5).waitFor();
    assert.deepEqual(await steps(), ['done', 'done', 'done', 'done', 'done', 'done', 'waiting']);
    stage.ca.interfere = () => undefined;
    held.open();
    await page.locator('[data-state=idle].current').waitFor();
    await page
      .getByText('checking → queued → provisioning-challenge → validating → storing → idle')
      .waitFor();
    await page.locator('.steps td.done').nth(6).waitFor();
    const card = page.locator('.certificate', { hasText: 'web-tls' });
    await card.getByText(/CN=Pebble Intermediate/).waitFor();
    assert.match(await page.locator('.timeline').innerText(), /CERTIFICATE_FINISHED web-tls: stored/);
    await page.locator('.row', { hasText: 'web.example.com' }).locator('.state.idle').waitFor();
    assert.deepEqual(complaints, []);
  });

  it('shows a host that leads nowhere, why, and when it is tried again', async (t) => {
    await stage.apply(ingress('blog/dead', { tls: { 'dead-tls': ['dead.example.com'] } }));
    const { page, complaints } = await open(t);
    // The self-check takes a third of a minute.
    await page
      .locator('.row', { hasText: 'dead.example.com' })
      .locator('.state.backing-off')
      .waitFor({ timeout: 80_000 });
    await page.locator('.row', { hasText: 'dead.example.com' }).click();
    await page.locator('.trouble', { hasText: 'SelfCheckFailed' }).waitFor();
    await page.locator('.remark', { hasText: 'DNS: failed.' }).waitFor();
    await page.locator('#detail .facts', { hasText: 'retry dead-tls in' }).waitFor();
    assert.deepEqual(complaints, []);
  });

  it('reconnects by itself when the controller is started again', async (t) => {
    const { page, complaints } = await open(t);
    await page.locator('.row').nth(1).waitFor();
    await stage.controller.kill();
    await page.locator('.connection:not(.live)').waitFor();
    await stage.apply(ingress('shop/late', { tls: { 'late-tls': ['late.example.com'] } }));
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '20s' });
    await page.locator('.connection.live').waitFor();
    await page.locator('.row', { hasText: 'late.example.com' }).locator('.state.idle').waitFor();
    assert.deepEqual(complaints, []);
  });

  it('shows what the supervisor knows: the permits, and the renewals to come', async (t) => {
    const { page } = await open(t, '#/supervisor');
    await page.getByText('All sources of the cluster are known.').waitFor();
    await page.getByText('0 of 10 in use').waitFor();
    await page.getByText('0 of 500 in use').waitFor();
  });

  it('is refused under a foreign name', async () => {
    const status = await new Promise((resolve, reject) => {
      const sent = request(
        { port: stage.world.ports.inspector, host: '127.0.0.1', headers: { host: 'rebound.example.com' } },
        (answer) => resolve(answer.statusCode),
      );
      sent.on('error', reject).end();
    });
    assert.equal(status, 403);
  });
});
