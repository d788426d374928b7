import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sourceKey } from '../../machines/ownership/source-key.ts';
import { minute } from '../../machines/time/durations.ts';
import { createKubernetesClient, type KubernetesClient } from '../../src/kubernetes/client/client.ts';
import { ingresses, objectPath } from '../../src/kubernetes/client/collections.ts';
import { loadKubeConfig } from '../../src/kubernetes/client/kube-config.ts';
import { EventRecorder } from '../../src/kubernetes/records/events.ts';
import { NumberedDocuments } from '../../src/kubernetes/records/numbered-documents.ts';
import { SecretEntries } from '../../src/kubernetes/records/secret-entries.ts';
import { SecretStore } from '../../src/kubernetes/records/secret-store.ts';
import { SourceStatusWriter } from '../../src/kubernetes/records/source-status.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import { systemClock } from '../../src/time/clock.ts';
import { eventually } from '../time/eventually.ts';
import { type DeployedCluster, deploy } from './deployed-cluster.ts';

/*
 * The API server pays four times for a write that the condition of a policy does not let pass: see deploy/base/policies. Here no rule
 * lets anything pass, so that what is written is what the conditions take for usual.
 */

const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const refusal = 'no rule lets anything pass';
const { signal } = new AbortController();
const errors: unknown[] = [];
const onError = (error: unknown) => errors.push(error);

let cluster: DeployedCluster;
let client: KubernetesClient;
let journal: SecretEntries;
let holders: NumberedDocuments;
let web: { readonly kind: string; readonly namespace: string; readonly name: string; readonly uid: string };

before(async () => {
  cluster = await deploy('base');
  const KUBECONFIG = await cluster.access.serviceAccountKubeconfig('kube-lego', 'kube-lego');
  client = createKubernetesClient(loadKubeConfig({ env: { KUBECONFIG } }), { requestTimeout: minute });
  const created = await cluster.asAdmin('/apis/networking.k8s.io/v1/namespaces/team-a/ingresses', {
    method: 'POST',
    body: {
      metadata: { name: 'web', annotations: { note: 'keep' } },
      spec: { rules: [{ host: 'web.example' }] },
    },
  });
  const uid = stringField(recordField(created, 'metadata'), 'uid') ?? '';
  web = { kind: 'Ingress', namespace: 'team-a', name: 'web', uid };
  journal = new SecretEntries(client, 'kube-lego', 'journal');
  holders = new NumberedDocuments(client, 'kube-lego', 'holders');
  // Their creation is rare.
  await journal.write(new Map([['first', 'an order']]), signal);
  await holders.write(0, '{}', signal);
  for (const [policy, path] of [
    ['secrets', '/api/v1/namespaces/team-a/secrets'],
    ['config-maps', '/api/v1/namespaces/kube-lego/configmaps'],
    ['events', '/api/v1/namespaces/team-a/events'],
    ['ingresses', '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses'],
  ] as const) {
    await letNothingPass(policy, path);
  }
});
after(async () => {
  await client.close();
  await cluster[Symbol.asyncDispose]();
});

/** @param path where creating something unusual shows whether the API server has learned of it */
async function letNothingPass(policy: string, path: string): Promise<void> {
  await cluster.asAdmin(`${policies}/kube-lego-${policy}`, {
    method: 'PATCH',
    contentType: 'application/merge-patch+json',
    body: { spec: { validations: [{ expression: 'false', message: refusal }] } },
  });
  const unusual = {
    metadata: { name: 'kube-lego-holders-1', finalizers: ['example.com/held'] },
    ...(policy === 'events' ? { involvedObject: { namespace: 'team-a', kind: 'Ingress' } } : {}),
    ...(policy === 'ingresses' ? { spec: { rules: [{ host: 'web.example' }] } } : {}),
  };
  await eventually(`the policy ${policy} lets nothing pass`, async () => {
    const answer = await cluster.asKubeLego(`${path}?dryRun=All`, { method: 'POST', body: unusual });
    return JSON.stringify(answer.body).includes(refusal);
  });
}

describe('what kube-lego writes most is admitted by the condition of its policy alone', () => {
  it('a new TLS Secret, tried before', async () => {
    const store = new SecretStore(client);
    const annotations = { 'kube-lego.io/directory': 'https://ca.example/directory' };
    const certificate = { chainPem: 'CHAIN', keyPem: 'KEY', annotations };
    await store.proveWritable('team-a', 'web-tls', undefined, certificate, signal);
    await store.write('team-a', 'web-tls', undefined, certificate, signal);
  });

  it('an entry of the order journal', async () => {
    await journal.write(new Map([['second', 'an order']]), signal);
    await journal.write(new Map(), signal);
  });

  it('the holder of a host', async () => {
    await holders.write(0, '{"a.example":["team-a"]}', signal);
  });

  it('an Event', async () => {
    const recorder = new EventRecorder({
      client,
      clock: systemClock,
      typeOf: (kind) => ({ apiVersion: 'networking.k8s.io/v1', kind }),
      onError,
    });
    recorder.publish({ source: web, type: 'Normal', reason: 'CertificateIssued', message: 'It is.' });
    await recorder.drain(signal);
    assert.deepEqual(errors, []);
  });

  it('the status of an Ingress, the first one and a later one', async () => {
    for (const message of ['It waits.', 'It still waits.']) {
      const writer = new SourceStatusWriter({
        client,
        pathOf: () => objectPath(ingresses, web.namespace, web.name),
        clock: systemClock,
        found: () => undefined,
        onError,
      });
      writer.publishWaiting(sourceKey(web), web.uid, { code: 'OrderFailed', message });
      await writer.drain(signal);
    }
    assert.deepEqual(errors, []);
    const written = await cluster.asAdmin(objectPath(ingresses, web.namespace, web.name));
    assert.match(JSON.stringify(written), /It still waits\./);
  });
});
