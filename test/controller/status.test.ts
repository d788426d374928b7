import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AuditRecord } from '../../deploy/local/audit-log.ts';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import {
  type CertificateEntry,
  type StatusDocument,
  statusAnnotation,
} from '../../machines/ingress/status.ts';
import { decodeStatus } from '../../src/kubernetes/records/status-annotation.ts';
import { ingress, ingressPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { statusTextOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';
import { nextSecond } from './observation.ts';

const impatient = { LEGO_SELF_CHECK_TIMEOUT: '8s' };

let stage: Stage;

describe('the status annotation', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyApiServer: true });
    await stage.startController();
  });
  after(() => stage.stop());

  it('tells of a certificate in one write, and the write starts nothing', async () => {
    const since = Date.now();
    await stage.apply(ingress('shop/good', { tls: { 'good-tls': ['good.example.com'] } }));
    const entry = await untilEntry('shop/good', 'good-tls', ({ state }) => state === 'good');
    assert.equal(entry.notAfter, wholeSeconds((await stage.view('shop/good'))?.notAfter));
    await stage.untilState('shop/good', 'idle');
    const described = async (): Promise<string[]> =>
      (await writes(since))
        .filter(({ namespace }) => namespace === 'shop')
        .map(({ verb, resource }) => `${verb} ${resource}`);
    // Event and status are written side by side.
    await eventually('all is written', async () => (await described()).length >= 3);
    assert.deepEqual((await described()).toSorted(), ['create events', 'create secrets', 'patch ingresses']);
  });

  it('tells why there is none, and of a check that is repeated neither how often nor when', async () => {
    await stage.controller.stop();
    await stage.startController(impatient);
    for (const host of ['dead.example.com', 'lost.example.com']) await stage.world.dns.setNoAddress(host);
    await stage.apply(
      ingress('shop/dead', { tls: { 'dead-tls': ['dead.example.com'] } }),
      ingress('shop/lost', { tls: { 'lost-tls': ['lost.example.com'] } }),
    );
    await untilEntry('shop/lost', 'lost-tls', ({ state }) => state === 'failed');
    const entry = await untilEntry('shop/dead', 'dead-tls', ({ state }) => state === 'failed');
    assert.equal(entry.reason, 'SelfCheckFailed');
    assert.equal(entry.host, 'dead.example.com');
    assert.match(entry.message ?? '', /^Host dead\.example\.com .* Point the host's DNS/);
    assert.deepEqual([entry.failures, entry.nextAttempt], [undefined, undefined]);
  });

  it('lets a restart go on where the back-off was, without a write, a word, or a request to the CA', async () => {
    const sharers = ['shop/good-sharer', 'shop/dead-sharer'] as const;
    await stage.apply(
      ingress('shop/good-sharer', { tls: { 'good-tls': ['good.example.com'] } }),
      ingress('shop/dead-sharer', { tls: { 'dead-tls': ['dead.example.com'] } }),
    );
    await untilNotices('shop/good-sharer', ['SecretOwnedByOther']);
    await untilNotices('shop/dead-sharer', ['SecretOwnedByOther', 'SelfCheckFailed']);
    const [before] = await Promise.all([
      stage.view('shop/dead'),
      ...[sharers[1], 'shop/dead', 'shop/lost'].map((key) => stage.untilWarned(key, 'SelfCheckFailed')),
    ]);
    await stage.controller.kill();
    await nextSecond();
    const since = Date.now();
    const orders = await stage.orders();
    await stage.startController(impatient);
    const view = await stage.untilState('shop/dead', 'backing-off');
    await stage.untilIssued('shop/good');
    for (const key of sharers) await stage.untilState(key, 'idle');
    const wait = (view.next.at ?? 0) - view.since;
    assert.ok(wait > 0 && wait < 70_000, `it is tried again after ${wait} ms`);
    assert.deepEqual(view.problems, before?.problems);
    await stage.controller.stop();
    // A challenge Ingress that the crash has left behind is taken away.
    const told = (await writes(since)).filter(({ namespace }) => namespace === 'shop');
    await stage.startController(impatient);
    assert.deepEqual(told, []);
    assert.equal(await stage.orders(), orders);
    for (const key of sharers) await stage.world.api.expect(ingressPath(key), { method: 'DELETE' });
  });

  it('records which retry was acted on', async () => {
    await annotate('shop/dead', { 'kube-lego.io/retry': 'once' });
    await eventually('the retry is recorded', async () => (await statusOf('shop/dead'))?.retry === 'once');
  });

  // Side by side: each waits for the end of a self-check.
  describe('of an Ingress that fails', { concurrency: true }, () => {
    it('is written anew when somebody spoils it, and nobody comes to harm', async () => {
      await annotate('shop/good', { [statusAnnotation]: '{"version":1,"ingress":7' });
      await annotate('shop/dead', { [statusAnnotation]: 'x'.repeat(200_000), 'kube-lego.io/retry': 'again' });
      await untilEntry('shop/dead', 'dead-tls', ({ state }) => state === 'failed');
      await stage.untilIssued('shop/good');
      await annotate('shop/good', { 'kube-lego.io/retry': 'look again' });
      await untilEntry('shop/good', 'good-tls', ({ state }) => state === 'good');
    });

    it('comes back at the next look when somebody takes it away', async () => {
      await annotate('shop/lost', { [statusAnnotation]: null });
      await annotate('shop/lost', { 'kube-lego.io/key-type': 'ec-p256' });
      await untilEntry('shop/lost', 'lost-tls', ({ state }) => state === 'failed');
    });
  });

  it('of another Ingress that was copied with it counts for nothing', async () => {
    const text = statusTextOf(await stage.object(ingressPath('shop/dead')));
    assert.ok(text);
    const tls = { 'dead-tls': ['copy.example.com'], 'copy-tls': ['copy.example.com'] };
    await stage.apply(ingress('shop/copy', { tls, annotations: { [statusAnnotation]: text } }));
    await untilEntry('shop/copy', 'copy-tls', ({ state }) => state === 'good');
    const status = await statusOf('shop/copy');
    assert.deepEqual(Object.keys(status?.secrets ?? {}), ['copy-tls']);
    // Of its own, and of the failure of the Secret that it shares.
    await untilNotices('shop/copy', ['SecretOwnedByOther', 'SelfCheckFailed']);
  });

  it('outlasts an API server that is away when there is something to tell', async () => {
    let refused = 0;
    stage.apiServer.interfere = ({ method }) => {
      if (method !== 'PATCH') return undefined;
      refused += 1;
      return Promise.resolve({ status: 503, headers: {}, body: '' });
    };
    await stage.apply(ingress('shop/later', { tls: { 'later-tls': ['later.example.com'] } }));
    await stage.untilIssued('shop/later');
    await eventually('a write was refused', () => refused > 0);
    stage.apiServer.interfere = () => undefined;
    await untilEntry('shop/later', 'later-tls', ({ state }) => state === 'good');
  });

  it('goes with the annotation that hands the Ingress to kube-lego', async () => {
    await annotate('shop/later', { 'kubernetes.io/tls-acme': 'false' });
    await eventually(
      'the status is taken away',
      async () => statusTextOf(await stage.object(ingressPath('shop/later'))) === undefined,
    );
  });

  it('goes, too, where that happened while nobody was there to see it, and nothing else is touched', async () => {
    const foreign = '{"version":1,"ingress":"another","secrets":{}}';
    const annotations = { [statusAnnotation]: foreign };
    await stage.apply(
      ingress('shop/stranger', {
        tls: { 'stranger-tls': ['stranger.example.com'] },
        annotations,
        annotated: false,
      }),
    );
    await stage.controller.stop();
    await annotate('shop/good', { 'kubernetes.io/tls-acme': null });
    await nextSecond();
    const since = Date.now();
    await stage.startController(impatient);
    await eventually(
      'the status is taken away',
      async () => statusTextOf(await stage.object(ingressPath('shop/good'))) === undefined,
    );
    await stage.controller.stop();
    const written = (await writes(since)).filter(({ namespace }) => namespace === 'shop');
    assert.deepEqual(
      written.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`),
      ['patch ingresses good'],
    );
    assert.equal(statusTextOf(await stage.object(ingressPath('shop/stranger'))), foreign);
  });
});

async function statusOf(key: string): Promise<StatusDocument | undefined> {
  return decodeStatus(statusTextOf(await stage.object(ingressPath(key))));
}

async function untilEntry(
  key: string,
  secretName: string,
  condition: (entry: CertificateEntry) => boolean,
  // A self-check that failed because the edge stood still is repeated after a minute.
  limit = 120_000,
): Promise<CertificateEntry> {
  let found: CertificateEntry | undefined;
  await stage.guard(
    eventually(
      `the status of ${key} tells of ${secretName}`,
      async () => {
        found = (await statusOf(key))?.secrets[secretName];
        return found !== undefined && condition(found);
      },
      limit,
    ),
  );
  assert.ok(found);
  return found;
}

/** Waits until the status has these notices and no others, by their reasons. */
async function untilNotices(key: string, expected: readonly string[]): Promise<void> {
  await stage.guard(
    eventually(
      `${key} is told ${expected.join()}`,
      async () => (await statusOf(key))?.notices?.map(({ reason }) => reason).join() === expected.join(),
    ),
  );
}

async function annotate(key: string, annotations: Readonly<Record<string, string | null>>): Promise<void> {
  await stage.world.api.expect(ingressPath(key), {
    method: 'PATCH',
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations } },
  });
}

/** What the controller wrote since then, dry runs apart. */
async function writes(since: number): Promise<AuditRecord[]> {
  const reading = ['get', 'list', 'watch'];
  return (await readAuditLog(stage.world.cluster.auditLog)).filter(
    ({ user, verb, dryRun, receivedAt }) =>
      user === 'system:serviceaccount:kube-lego:kube-lego' &&
      !dryRun &&
      receivedAt > since &&
      !reading.includes(verb),
  );
}

function wholeSeconds(at: number | undefined): string | undefined {
  return at === undefined
    ? undefined
    : new Date(Math.ceil(at / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
