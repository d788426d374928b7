import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { createHealthServer, createMetricsServer } from '../../src/metrics/health.ts';
import { Site } from '../challenges/http-01/site.ts';

async function get(site: Site, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${site.port}${path}`);
  return `${response.status} ${await response.text()}`;
}

describe('the probes', () => {
  it('tell liveness, readiness and what is waited for', async () => {
    let ready = { ok: false, detail: 'waiting for the account Secret' };
    const troubles: string[] = [];
    await using site = await Site.serve(createHealthServer({ ready: () => ready, troubles: () => troubles }));
    assert.equal(await get(site, '/healthz'), '200 ok\n');
    assert.equal(await get(site, '/readyz'), '503 waiting for the account Secret\n');
    ready = { ok: true, detail: 'ok' };
    assert.equal(await get(site, '/readyz?verbose'), '200 ok\n');
    troubles.push('a record cannot be read.');
    assert.equal(await get(site, '/readyz'), '200 ok\na record cannot be read.\n');
    assert.equal(await get(site, '/healthz'), '200 ok\n');
    assert.equal(await get(site, '/healthz?verbose'), '200 ok\na record cannot be read.\n');
    assert.equal(await get(site, '/metrics'), '404 not found\n');
    assert.equal(await get(site, '/'), '404 not found\n');
    const { status, headers } = await fetch(`http://127.0.0.1:${site.port}/readyz`, { method: 'POST' });
    assert.equal(`${status} ${headers.get('allow')}`, '405 GET, HEAD');
  });

  it('are answered at the port of the metrics too, where the manifests of 1.0.0-alpha.1 ask', async () => {
    const metrics = { answer: async (response: ServerResponse) => void response.end('kube_lego_ready 1\n') };
    const ready = () => ({ ok: true, detail: 'ready' });
    await using site = await Site.serve(createMetricsServer({ ready, troubles: () => [], metrics }));
    assert.equal(await get(site, '/healthz'), '200 ok\n');
    assert.equal(await get(site, '/readyz'), '200 ready\n');
    assert.equal(await get(site, '/metrics'), '200 kube_lego_ready 1\n');
  });
});
