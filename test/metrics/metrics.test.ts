import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificatePhase } from '../../machines/ingress/certificate.ts';
import type { CertificateStatus } from '../../machines/ingress/certificate-record.ts';
import type { Hold } from '../../machines/ledger/hold.ts';
import type { RequestReport } from '../../src/acme/transport/transport.ts';
import { type MetricDefinition, sampledMetrics } from '../../src/metrics/catalogue.ts';
import { certificateInput, day, hour, minute, now } from '../machines/builders.ts';
import { metricOf, seriesOf } from './exposition.ts';
import { promtool } from './promtool.ts';
import { ScrapeWorld, standing } from './scrape-world.ts';

const good: CertificateStatus = { kind: 'good', notAfter: now + 80 * day, renewAt: now + 50 * day };
const retried: CertificateStatus = {
  kind: 'failed',
  failure: { code: 'ChallengeFailed', message: 'The CA did not reach secret-host.example.com.' },
  nextAttemptAt: now + hour,
};
const stuck: CertificateStatus = {
  kind: 'failed',
  failure: { code: 'ForeignSecret', message: 'Somebody else made it.' },
  nextAttemptAt: undefined,
};

function working(phase: CertificatePhase, harmAt: number, hold?: Hold): CertificateStatus {
  const round = certificateInput({ hosts: [], reason: 'near-expiry', purpose: 'renewal', harmAt });
  return { kind: 'working', phase, since: now - 10 * minute, round, hold };
}

const request: RequestReport = {
  endpoint: 'new-order',
  ca: 'ca.example',
  status: 201,
  problemType: undefined,
  duration: 120,
};

function reports(world: ScrapeWorld): void {
  world.metrics.acmeRequest(request);
  world.metrics.acmeRequest({ ...request, status: 429, problemType: 'rateLimited' });
  world.metrics.acmeRequest({ ...request, status: undefined, problemType: 'timeout', duration: 30_000 });
  world.metrics.apiRequest({ verb: 'get', resource: 'secrets', status: 200 });
  world.metrics.apiRequest({ verb: 'watch', resource: 'ingresses', status: undefined });
  world.metrics.orderReport({ type: 'ORDER_MADE', id: 'a' });
  world.metrics.orderReport({
    type: 'HOSTS_FAILED',
    id: 'a',
    hosts: ['secret-host.example.com', 'b.example.com'],
  });
  world.metrics.orderReport({ type: 'CERTIFICATE_ISSUED', id: 'b' });
  const provider = 'rfc2136';
  world.metrics.dnsReport({ type: 'DNS_UPDATED', provider, operation: 'add', outcome: 'refused' });
  world.metrics.dnsReport({ type: 'VALUE_SPREAD', provider, everywhere: true, duration: 20_000 });
}

describe('what is scraped', () => {
  it('is what Prometheus’ own parser reads, and finds no fault with', async () => {
    using world = new ScrapeWorld();
    world.clockSkew = -4000;
    world.ingresses.push(
      standing('Ingress/shop/web', 'backing-off', { one: good, two: retried, three: stuck }),
    );
    reports(world);
    const said = await promtool(['check', 'metrics'], await world.text());
    assert.equal(said, '');
  });

  it('tells how many Secrets and Ingresses are in which state, and why some fail', async () => {
    using world = new ScrapeWorld();
    const hold = { cause: 'orders-per-account', scope: 'this account', until: now + hour } as const;
    world.ingresses.push(
      standing('Ingress/shop/a', 'idle', { a: good, b: good, c: stuck }),
      standing('Ingress/shop/b', 'backing-off', { d: retried }),
      standing('Ingress/blog/c', 'queued', { e: working('queued', now) }, { since: now - 10 * minute }),
      standing('Ingress/blog/d', 'queued', { f: working('queued', now, hold) }, { since: now - 5 * hour }),
      standing('Ingress/blog/e', 'storing', { g: working('storing', now) }),
      standing('Ingress/blog/f', 'checking', { h: { kind: 'unchecked' } }),
    );
    world.ordersInFlight = 3;
    const text = await world.text();
    const nonZero = (name: string) => Object.entries(metricOf(text, name)).filter(([, value]) => value !== 0);

    assert.deepEqual(nonZero('kube_lego_ingresses'), [
      ['{state="checking"}', 1],
      ['{state="queued"}', 2],
      ['{state="storing"}', 1],
      ['{state="backing-off"}', 1],
      ['{state="idle"}', 1],
    ]);
    assert.deepEqual(nonZero('kube_lego_certificates'), [
      ['{state="unchecked"}', 1],
      ['{state="good"}', 2],
      ['{state="held"}', 1],
      ['{state="queued"}', 1],
      ['{state="storing"}', 1],
      ['{state="backing-off"}', 1],
      ['{state="needs-change"}', 1],
    ]);
    assert.deepEqual(metricOf(text, 'kube_lego_certificates_failing'), {
      '{reason="ForeignSecret"}': 1,
      '{reason="ChallengeFailed"}': 1,
    });
    assert.deepEqual(nonZero('kube_lego_held_orders'), [['{cause="orders-per-account"}', 1]]);
    assert.deepEqual(metricOf(text, 'kube_lego_queue_length'), { '': 1 });
    assert.deepEqual(metricOf(text, 'kube_lego_queue_oldest_age_seconds'), { '': 600 });
    assert.deepEqual(metricOf(text, 'kube_lego_orders_in_flight'), { '': 3 });
  });

  it('counts by the CA’s clock what the CA counts, and the wait in the queue by ours, also during a check', async () => {
    using world = new ScrapeWorld();
    world.skew = hour;
    const request = { identifiers: ['a.example.com'], purpose: 'first', exemption: 'none' } as const;
    world.ledger.orderCreated(request, now);
    world.ledger.certificateIssued(request, now);
    world.ingresses.push(
      standing('Ingress/shop/a', 'checking', {
        queued: working('queued', now),
        storing: working('storing', now),
      }),
    );
    const text = await world.text();
    assert.equal(
      metricOf(text, 'kube_lego_rate_limit_lowest_level')['{limit="orders-per-account"}'],
      300,
      'an hour has passed at the CA',
    );
    assert.deepEqual(metricOf(text, 'kube_lego_queue_length'), { '': 1 });
    assert.deepEqual(metricOf(text, 'kube_lego_queue_oldest_age_seconds'), { '': 600 });
  });

  it('tells of each Secret when its certificate ends and is renewed, and how often it has failed', async () => {
    using world = new ScrapeWorld();
    world.ingresses.push(
      standing('Ingress/shop/a', 'idle', { good }),
      standing(
        'Ingress/shop/b',
        'backing-off',
        { retried, stuck },
        { attempts: 2, servesUntil: { retried: now + 5 * day } },
      ),
      standing(
        'Ingress/shop/c',
        'validating',
        { renewed: working('validating', now + 9 * day), missing: working('validating', now) },
        { servesUntil: { renewed: now + 9 * day } },
      ),
    );
    const text = await world.text();
    const seconds = (time: number): number => time / 1000;
    assert.deepEqual(metricOf(text, 'kube_lego_certificate_not_after_timestamp_seconds'), {
      '{namespace="shop",secret="good"}': seconds(now + 80 * day),
      '{namespace="shop",secret="retried"}': seconds(now + 5 * day),
      '{namespace="shop",secret="renewed"}': seconds(now + 9 * day),
    });
    assert.deepEqual(metricOf(text, 'kube_lego_certificate_renewal_timestamp_seconds'), {
      '{namespace="shop",secret="good"}': seconds(now + 50 * day),
    });
    assert.deepEqual(metricOf(text, 'kube_lego_certificate_failures'), {
      '{namespace="shop",secret="retried"}': 2,
      '{namespace="shop",secret="stuck"}': 2,
    });
  });

  it('no longer has the series of a Secret whose Ingress has gone', async () => {
    using world = new ScrapeWorld();
    world.ingresses.push(
      standing('Ingress/shop/a', 'idle', { kept: good }),
      standing('Ingress/shop/b', 'idle', { gone: good }),
    );
    assert.match(await world.text(), /secret="gone"/);
    world.ingresses.pop();
    const text = await world.text();
    assert.match(text, /secret="kept"/);
    assert.doesNotMatch(text, /gone/);
  });

  it('names a Secret once while it passes from one Ingress to another', async () => {
    using world = new ScrapeWorld();
    world.ingresses.push(
      standing('Ingress/shop/a', 'idle', { tls: good }),
      standing('Ingress/shop/b', 'idle', { tls: good }),
    );
    const text = await world.text();
    assert.equal(text.split('kube_lego_certificate_not_after_timestamp_seconds{').length, 2);
    await promtool(['check', 'metrics'], text);
  });

  it('counts requests, and tells how long they took', async () => {
    using world = new ScrapeWorld();
    reports(world);
    const text = await world.text();
    assert.deepEqual(metricOf(text, 'kube_lego_acme_requests_total'), {
      '{endpoint="new-order",status="201",problem="none"}': 1,
      '{endpoint="new-order",status="429",problem="rateLimited"}': 1,
      '{endpoint="new-order",status="none",problem="timeout"}': 1,
    });
    const series = seriesOf(text);
    const duration = 'kube_lego_acme_request_duration_seconds';
    assert.equal(series.get(`${duration}_count{endpoint="new-order"}`), 3);
    assert.equal(series.get(`${duration}_sum{endpoint="new-order"}`), 30.24);
    assert.equal(series.get(`${duration}_bucket{le="0.25",endpoint="new-order"}`), 2);
    assert.deepEqual(metricOf(text, 'kube_lego_kubernetes_requests_total'), {
      '{verb="get",resource="secrets",status="200"}': 1,
      '{verb="watch",resource="ingresses",status="none"}': 1,
    });
    assert.equal(series.get('kube_lego_orders_made_total'), 1);
    assert.equal(series.get('kube_lego_orders_refused_total'), 0);
    assert.equal(series.get('kube_lego_validations_failed_total'), 2);
    assert.equal(series.get('kube_lego_certificates_issued_total'), 1);
  });

  it('tells what the CA has left for us, by limit', async () => {
    using world = new ScrapeWorld();
    const order = { identifiers: ['secret-host.example.com'], purpose: 'first', exemption: 'none' } as const;
    for (let count = 0; count < 3; count += 1) {
      world.ledger.orderCreated(order, now);
      world.ledger.certificateIssued(order, now);
    }
    const open = await world.text();
    assert.deepEqual(metricOf(open, 'kube_lego_rate_limit_lowest_level'), {
      '{limit="orders-per-account"}': 297,
      '{limit="certificates-per-registered-domain"}': 47,
    });
    assert.deepEqual(metricOf(open, 'kube_lego_rate_limit_capacity'), {
      '{limit="orders-per-account"}': 300,
      '{limit="certificates-per-registered-domain"}': 50,
    });
    assert.deepEqual(metricOf(open, 'kube_lego_account_blocked'), { '': 0 });

    const block = { cause: 'orders-per-account', scope: { type: 'account' }, retryAfter: hour } as const;
    world.ledger.learn(block, order, now);
    const blocked = await world.text();
    assert.deepEqual(metricOf(blocked, 'kube_lego_account_blocked'), { '': 1 });
    assert.equal(metricOf(blocked, 'kube_lego_blocked_scopes')['{cause="orders-per-account"}'], 1);
    assert.equal(
      metricOf(blocked, 'kube_lego_rate_limit_exhausted_buckets')['{limit="orders-per-account"}'],
      1,
    );
    assert.equal(metricOf(blocked, 'kube_lego_rate_limit_lowest_level')['{limit="orders-per-account"}'], 0);
  });

  it('says of several watches what the worst of them says', async () => {
    using world = new ScrapeWorld();
    world.synced = false;
    const text = await world.text();
    assert.equal(metricOf(text, 'kube_lego_reflector_synced')['{resource="ingresses"}'], 0);
    assert.equal(metricOf(text, 'kube_lego_reflector_synced')['{resource="challenge-ingresses"}'], 1);
    assert.equal(metricOf(text, 'kube_lego_reflector_watching')['{resource="ingresses"}'], 0);
    assert.deepEqual(metricOf(text, 'kube_lego_ready'), { '': 0 });
  });

  it('says nothing of what is not known', async () => {
    using world = new ScrapeWorld();
    assert.deepEqual(metricOf(await world.text(), 'kube_lego_ca_clock_skew_seconds'), {});
    world.clockSkew = -400_000;
    assert.deepEqual(metricOf(await world.text(), 'kube_lego_ca_clock_skew_seconds'), { '': -400 });
  });
});

describe('the number of series', () => {
  it('stays bounded whatever the CA and the API server answer', async () => {
    using world = new ScrapeWorld();
    const endpoints = ['new-order', 'order', 'authorization', 'finalize'] as const;
    for (let count = 0; count < 20_000; count += 1) {
      const endpoint = endpoints[count % endpoints.length] ?? 'order';
      const problemType = count % 3 === 0 ? 'malformed' : `token-${count}.example.com`;
      world.metrics.acmeRequest({ ...request, endpoint, status: 100 + (count % 1000), problemType });
      world.metrics.apiRequest({ verb: 'get', resource: `made-up-${count}`, status: count });
    }
    const text = await world.text();
    assert.ok(seriesOf(text).size < 1300, `${seriesOf(text).size} series`);
    assert.doesNotMatch(text, /example\.com|token-/);
    const total = Object.values(metricOf(text, 'kube_lego_acme_requests_total')).reduce((a, b) => a + b);
    assert.equal(total, 20_000);
  });

  it('grows by three a Secret at most', async () => {
    using world = new ScrapeWorld();
    const before = seriesOf(await world.text()).size;
    for (let count = 0; count < 1000; count += 1) {
      const status = count % 2 === 0 ? good : retried;
      const name = `tls-${count}`;
      const servesUntil = { [name]: now + 5 * day };
      world.ingresses.push(
        standing(`Ingress/shop/web-${count}`, 'idle', { [name]: status }, { servesUntil }),
      );
    }
    const after = seriesOf(await world.text()).size;
    assert.equal(after - before, 2000 + 1);
  });
});

describe('docs/metrics.md', () => {
  it('states as many series as there are', async () => {
    using world = new ScrapeWorld();
    world.clockSkew = 0;
    const text = await world.text();
    for (const { name, series } of Object.values<MetricDefinition>(sampledMetrics)) {
      if (/^\d+$/.test(series)) assert.equal(Object.keys(metricOf(text, name)).length, Number(series), name);
    }
  });
});

describe('the record of holders', () => {
  it('is counted once it has been read', async () => {
    using world = new ScrapeWorld();
    const text = await world.text();
    assert.deepEqual(metricOf(text, 'kube_lego_hosts_held'), { '': 3 });
    assert.deepEqual(metricOf(text, 'kube_lego_host_record_complete'), { '': 0 });
    assert.deepEqual(metricOf(text, 'kube_lego_invalid_domains'), { '': 2 });
    world.heldHosts = undefined;
    assert.deepEqual(metricOf(await world.text(), 'kube_lego_hosts_held'), {});
  });
});

describe('labels', () => {
  it('hold no host, no message of the CA, no domain of a limit', async () => {
    using world = new ScrapeWorld();
    const order = { identifiers: ['secret-host.example.com'], purpose: 'first', exemption: 'none' } as const;
    world.ledger.orderCreated(order, now);
    const hold = {
      cause: 'certificates-per-registered-domain',
      scope: 'registered domain example.com',
      until: now,
    } as const;
    world.ledger.learn(
      { cause: hold.cause, scope: { type: 'registered-domain', name: 'example.com' }, retryAfter: hour },
      order,
      now,
    );
    world.ingresses.push(
      standing('Ingress/shop/a', 'backing-off', { retried }),
      standing('Ingress/shop/b', 'queued', { held: working('queued', now, hold) }),
    );
    reports(world);
    assert.doesNotMatch(await world.text(), /example|ca\.|did not reach/);
  });
});
