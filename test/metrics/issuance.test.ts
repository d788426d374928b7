import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { CaRequests } from '../bench/ca-requests.ts';
import { assertStored } from '../controller/certificate.ts';
import { ingress, ingressPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { metricOf, seriesOf } from './exposition.ts';
import { promtool } from './promtool.ts';

/** What pebble's paths are for. */
const endpoints: readonly (readonly [RegExp, string])[] = [
  [/^GET \/dir$/, 'directory'],
  [/\/nonce-plz$/, 'new-nonce'],
  [/\/sign-me-up$/, 'new-account'],
  [/\/my-account\//, 'account'],
  [/\/order-plz$/, 'new-order'],
  [/\/my-order\//, 'order'],
  [/\/authZ\//, 'authorization'],
  [/\/chalZ\//, 'challenge'],
  [/\/finalize-order\//, 'finalize'],
  [/\/certZ\//, 'certificate'],
  [/renewalInfo/i, 'renewal-info'],
];

function endpointOf(request: string): string {
  const found = endpoints.find(([pattern]) => pattern.test(request));
  assert.ok(found, `for what is ${request}?`);
  return found[1];
}

function tally(names: Iterable<string>): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const name of [...names].toSorted()) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
}

/** The counts of a metric, added up over all labels but these. */
function totals(text: string, name: string, labels: readonly string[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const [written, value] of Object.entries(metricOf(text, name))) {
    const key = labels.map((label) => new RegExp(`\\b${label}="([^"]*)"`).exec(written)?.[1]).join(' ');
    sums.set(key, (sums.get(key) ?? 0) + value);
  }
  return Object.fromEntries([...sums].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

describe('the metrics of a real issuance', () => {
  let stage: Stage;
  let asked: CaRequests;
  const requests: string[] = [];

  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    asked = new CaRequests(stage.world.pebble.log);
    await asked.take();
    await stage.startController();
    const tls = { 'one-tls': ['one.example.com'], 'two-tls': ['two.example.com', 'three.example.com'] };
    await stage.apply(ingress('shop/web', { tls }));
    await stage.untilIssued('shop/web');
  });
  after(() => stage.stop());

  /** Until both say the same, because one is read after the other. */
  async function untilEqual<T>(what: string, read: () => Promise<readonly [T, T]>): Promise<void> {
    let last: readonly [T, T] | undefined;
    const equal = async (): Promise<boolean> => {
      last = await read();
      return JSON.stringify(last[0]) === JSON.stringify(last[1]);
    };
    // Told as a difference, which says more than that it took too long.
    await eventually(what, equal).catch(() => assert.deepEqual(last?.[0], last?.[1]));
  }

  it('count the requests that the CA was asked', async () => {
    await untilEqual('the requests to the CA are counted', async () => {
      requests.push(...(await asked.take()));
      const counted = totals(await stage.controller.metrics(), 'kube_lego_acme_requests_total', ['endpoint']);
      return [counted, tally(requests.map(endpointOf))];
    });
    assert.ok(requests.length > 10);
  });

  it('count the requests that the API server was asked', async () => {
    await untilEqual('the requests to the API server are counted', async () => {
      const text = await stage.controller.metrics();
      const records = await readAuditLog(stage.world.cluster.auditLog);
      const own = records.filter(
        // A watch is in the audit log when it has ended.
        ({ user, verb }) => user === 'system:serviceaccount:kube-lego:kube-lego' && verb !== 'watch',
      );
      const counted = totals(text, 'kube_lego_kubernetes_requests_total', ['verb', 'resource', 'status']);
      return [
        Object.fromEntries(Object.entries(counted).filter(([key]) => !key.startsWith('watch '))),
        tally(
          own.map(({ verb, resource, subresource, status }) => {
            const name = subresource === '' ? resource : `${resource}/${subresource}`;
            return `${verb} ${name} ${status}`;
          }),
        ),
      ];
    });
  });

  it('tell the certificates as they are in the Secrets', async (context) => {
    const text = await stage.controller.metrics();
    const one = await assertStored(stage, 'shop/one-tls', ['one.example.com']);
    const two = await assertStored(stage, 'shop/two-tls', ['two.example.com', 'three.example.com']);
    assert.deepEqual(metricOf(text, 'kube_lego_certificate_not_after_timestamp_seconds'), {
      '{namespace="shop",secret="one-tls"}': one.validToDate.getTime() / 1000,
      '{namespace="shop",secret="two-tls"}': two.validToDate.getTime() / 1000,
    });
    const series = seriesOf(text);
    context.diagnostic(`${series.size} series, ${text.length} characters`);
    assert.equal(series.get('kube_lego_certificates{state="good"}'), 2);
    assert.equal(series.get('kube_lego_ingresses{state="idle"}'), 1);
    assert.equal(series.get('kube_lego_certificates_issued_total'), 2);
    assert.equal(series.get('kube_lego_orders_made_total'), await stage.orders());
    assert.equal(series.get('kube_lego_orders_in_flight'), 0);
    assert.equal(series.get('kube_lego_queue_length'), 0);
    for (const name of ['ready', 'reflector_synced{resource="ingresses"}'])
      assert.equal(series.get(`kube_lego_${name}`), 1, name);
  });

  it('are what Prometheus reads, without hosts, tokens and keys', async () => {
    const text = await stage.controller.metrics();
    assert.equal(await promtool(['check', 'metrics'], text), '');
    assert.doesNotMatch(text, /example\.com|127\.0\.0\.1|BEGIN/);
    // Tokens and thumbprints have 43 characters (RFC 8555 sections 8.1 and 8.3), keys more.
    const values = [...text.matchAll(/="([^"]*)"/g)].map(([, value = '']) => value);
    assert.deepEqual(
      values.filter((value) => value.length >= 43),
      [],
    );
  });

  it('lose the Secrets of an Ingress that has gone', async () => {
    await stage.world.api.expect(ingressPath('shop/web'), { method: 'DELETE' });
    await eventually(
      'the series are gone',
      async () => !(await stage.controller.metrics()).includes('secret="'),
    );
  });
});
