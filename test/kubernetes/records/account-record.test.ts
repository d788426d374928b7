import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordTroubles } from '../../../machines/records/record-troubles.ts';
import { AccountStore } from '../../../src/acme/account/account.ts';
import { AccountError } from '../../../src/acme/account/account-error.ts';
import { readStoredAccount } from '../../../src/acme/account/account-secret.ts';
import { accountKeyTypes } from '../../../src/acme/protocol/account-key.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { secrets } from '../../../src/kubernetes/client/collections.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { KubernetesAccountSecret } from '../../../src/kubernetes/records/account-record.ts';
import { RecordError, RecordObserver } from '../../../src/kubernetes/records/record-observer.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { retry } from '../../../src/time/retry.ts';
import { DirectConnection } from '../../acme/direct-connection.ts';
import { ScriptedCa } from '../../ca/ca.ts';
import { borrowCluster } from '../../clusters/borrow.ts';
import { ApiStandIn } from '../api-stand-in.ts';

const { signal } = new AbortController();

test('the account Secret in a real API server', async (context) => {
  await using cluster = await borrowCluster();
  const access = loadKubeConfig({ env: { KUBECONFIG: cluster.adminKubeconfig } });
  const client = createKubernetesClient(access);
  context.after(() => client.close());
  const store = new KubernetesAccountSecret(client, 'default', 'kube-lego-account');

  await context.test('is absent, then created once', async () => {
    assert.equal(await store.read(signal), undefined);
    const made = await store.create({ 'tls.key': Buffer.from('key') }, signal);
    assert.equal(made?.data['tls.key']?.toString(), 'key');
    assert.equal(await store.create({ 'tls.key': Buffer.from('other') }, signal), undefined);
    assert.equal((await store.read(signal))?.data['tls.key']?.toString(), 'key');
  });

  await context.test('keeps foreign keys, labels and annotations when the URL is written', async () => {
    await client.call(signal, async (api) => {
      const reference = { namespace: 'default', name: 'kube-lego-account' };
      const body = await api.read(secrets, reference);
      body.data = { ...body.data, 'acme-registration.json': Buffer.from('{}').toString('base64') };
      assert(body.metadata);
      body.metadata.annotations = { 'example.com/backup': 'yes' };
      return api.replace(secrets, reference, body, { fieldManager: 'somebody' });
    });
    const current = await store.read(signal);
    assert(current);
    const written = await store.update(
      current,
      { 'acme-registration-url': Buffer.from('https://ca.example/1') },
      signal,
    );
    assert.deepEqual(Object.keys(written?.data ?? {}).toSorted(), [
      'acme-registration-url',
      'acme-registration.json',
      'tls.key',
    ]);
    const object = await client.call(signal, (api) =>
      api.read(secrets, { namespace: 'default', name: 'kube-lego-account' }),
    );
    assert.equal(object.metadata?.annotations?.['example.com/backup'], 'yes');
    assert.equal(object.metadata?.labels?.['app.kubernetes.io/managed-by'], 'kube-lego');
    // It is not the Secret that was read any more.
    assert.equal(await store.update(current, { 'tls.key': Buffer.from('x') }, signal), undefined);
  });

  await context.test(
    'is found writable again, without a write, when nobody needs to write it any more',
    async () => {
      const troubles = new RecordTroubles(() => undefined);
      let writable = false;
      const hampered: Pick<KubernetesClient, 'call'> = {
        call: (...[limit, request]) =>
          client.call(limit, (clients) => {
            if (!writable && /\.(create|replace)\(/.test(String(request))) {
              throw new KubernetesError('Forbidden', 'the Role is missing', { status: 403 });
            }
            return request(clients);
          }),
      };
      for (const name of ['kube-lego-account', 'no-account']) {
        writable = false;
        const observer = new RecordObserver('account', troubles, systemClock);
        const hindered = new KubernetesAccountSecret(hampered, 'default', name, undefined, observer);
        const current = await hindered.read(signal);
        const data = { 'acme-registration-url': Buffer.from('https://ca.example/2') };
        await assert.rejects(
          current === undefined ? hindered.create(data, signal) : hindered.update(current, data, signal),
          RecordError,
        );
        await assert.rejects(hindered.recheckWrite(signal), RecordError);
        assert.partialDeepStrictEqual(troubles.current, [{ record: 'account', operation: 'write' }]);
        writable = true;
        await hindered.recheckWrite(signal);
        assert.deepEqual(troubles.current, []);
        assert.deepEqual(await hindered.read(signal), current);
      }
    },
  );

  for (const [what, algorithms] of [
    ['', undefined],
    [', also if it does not accept the first type of key', ['RS256']],
  ] as const) {
    await context.test(`processes that start at once register one account${what}`, async () => {
      const ca = new ScriptedCa({ now: () => Date.now(), validate: () => Promise.resolve('ok'), algorithms });
      const connection = new DirectConnection(ca);
      const clock = new CaClock(systemClock);
      const transport = new AcmeTransport({ clock, userAgent: 'test', connection });
      const name = `account-of-${algorithms?.[0]?.toLowerCase() ?? 'all'}`;
      const clients = Array.from({ length: 4 }, () => createKubernetesClient(access));
      const accounts = await Promise.all(
        clients.map((own) => {
          const account = new AccountStore({
            store: new KubernetesAccountSecret(own, 'default', name),
            keyTypes: accountKeyTypes,
            directoryUrl: ca.directoryUrl,
            transport,
            clock,
          });
          return retry(() => account.ensureAccount(signal), {
            clock,
            signal,
            shortestPause: 10,
            longestPause: 10,
            mostTries: 100,
            pauseAfter(error, pause) {
              if (!(error instanceof AccountError && error.transient)) throw error;
              return pause;
            },
          });
        }),
      );
      await Promise.all(clients.map((own) => own.close()));
      const made = connection.exchanged.filter(
        ({ endpoint, status }) => endpoint === 'new-account' && status === 201,
      );
      assert.equal(made.length, 1);
      assert.equal(new Set(accounts.map(({ url, thumbprint }) => `${url} ${thumbprint}`)).size, 1);
      const kept = await new KubernetesAccountSecret(client, 'default', name).read(signal);
      assert.ok(kept);
      const { key, url } = readStoredAccount(kept, name, ca.directoryUrl);
      assert.deepEqual([url, key.thumbprint], [accounts[0]?.url, accounts[0]?.thumbprint]);
    });
  }

  await context.test('a trouble with the API server is not an absent Secret', async () => {
    const absent = await ApiStandIn.start();
    const away = createKubernetesClient(absent.access);
    await absent.stop();
    context.after(() => away.close());
    const lost = new KubernetesAccountSecret(away, 'default', 'kube-lego-account');
    await assert.rejects(lost.read(signal), { name: 'KubernetesError' });
  });
});
