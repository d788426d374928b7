import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiClient } from '../../deploy/local/api-client.ts';
import { statusAnnotation } from '../../machines/ingress/status.ts';
import { recordField } from '../../src/process/json.ts';
import type { Kubelet } from '../bench/hostile/kubelet.ts';
import { ingress, ingressPath, type Manifest } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { kubeletOf, startTenant, untilStatus } from './tenant.ts';

// mallory writes Ingresses that are as large and as ugly as the API server takes them. What each costs to the millisecond is measured by
// `npm run bench -- --only hostile`.

const mebibyte = 1024 * 1024;
const escape = '\u001B]0;owned\u0007\u001B[2J\r\n[12:00:00.000] ERROR: forged\u202E\u2066';
const backend = { service: { name: 'web', port: { number: 80 } } };

function many(count: number, item: (index: number) => unknown): unknown[] {
  return Array.from({ length: count }, (_, index) => item(index));
}

/** Labels or annotations. */
function named(count: number, prefix: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, '']));
}

/** A usual Ingress with another spec, annotations or labels. */
function hostile(name: string, metadata: object, spec: object = {}): Manifest {
  const usual = ingress(`shop/${name}`, { tls: { [name]: [`${name}.example.com`] } });
  return {
    ...usual,
    metadata: { ...usual.metadata, ...metadata, name },
    spec: { ...recordField(usual, 'spec'), ...spec },
  };
}

function annotated(annotations: object): object {
  return { annotations: { 'kubernetes.io/tls-acme': 'true', ...annotations } };
}

const long = '/'.padEnd(1000, '<');
const objects: readonly Manifest[] = [
  hostile('key-type', annotated({ 'kube-lego.io/key-type': `${escape}${'-eyJ'.repeat(62_000)}` })),
  hostile('profile', annotated({ 'kube-lego.io/profile': `${escape}${'https://'.repeat(30_000)}` })),
  hostile('retry', annotated({ 'kube-lego.io/retry': `${escape}${' '.repeat(200_000)}` })),
  hostile('status', annotated({ [statusAnnotation]: '['.repeat(200_000) })),
  hostile(
    'hosts',
    {},
    {
      defaultBackend: backend,
      rules: [],
      tls: [{ secretName: 'hosts', hosts: many(140_000, (index) => `h${index.toString(36)}`) }],
    },
  ),
  hostile(
    'entries',
    {},
    {
      defaultBackend: backend,
      rules: [],
      // For hosts that no CA takes: two hundred orders would say nothing more.
      tls: many(6000, (index) => ({ secretName: `t${index}`, hosts: [`t${index}`] })),
    },
  ),
  hostile('labels', { labels: named(30_000, 'l') }),
  hostile('annotations', annotated(named(25_000, 'a'))),
  hostile(
    'paths',
    {},
    {
      rules: [
        {
          host: 'paths.example.com',
          http: {
            paths: many(mebibyte / 1000, (index) => ({
              path: `${long}${index}`,
              pathType: 'Prefix',
              backend,
            })),
          },
        },
      ],
    },
  ),
];

let stage: Stage;
let mallory: ApiClient;
let kubelet: Kubelet;

describe('the author of hostile Ingresses', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop', 'alice'] });
    await stage.startController();
    mallory = await startTenant(stage, 'shop', 'mallory');
    kubelet = kubeletOf(stage);
  });
  after(async () => {
    await kubelet.leave();
    await mallory.close();
    await stage.stop();
  });

  it('keeps nobody else waiting', async () => {
    for (const object of objects) {
      const path = ingressPath('shop/').slice(0, -1);
      await mallory.expect(path, { method: 'POST', body: object });
    }
    await stage.apply(ingress('alice/web', { tls: { web: ['alice.example.com'] } }));
    await stage.untilIssued('alice/web');
  });

  it('has written no line of the log, no Event and no status', async () => {
    const message = await stage.untilWarned('shop/key-type', 'AnnotationTooLong');
    const status = await untilStatus(stage, 'shop/key-type');
    const log = (await stage.log()).map((record) => JSON.stringify(record));
    const page = await stage.controller.page('inspector', '/sources');
    for (const text of [message, status, page, ...log]) {
      const found = /(?!\n)\p{Cc}|\p{Cf}|(?<!\\)\\(?:u00[01]|n\[12:00)/u.exec(text);
      assert.equal(found, null, text.slice(0, 500));
    }
    assert.ok(log.every((line) => line.length < 16_000));
  });

  it('does not hinder a start among the Ingresses', async () => {
    await kubelet.leave();
    assert.equal(kubelet.failed, 0);
    await stage.controller.stop();
    kubelet = kubeletOf(stage);
    await stage.startController();
    await stage.apply(ingress('alice/more', { tls: { more: ['more.example.com'] } }));
    await stage.untilIssued('alice/more');
    assert.ok(kubelet.asked > 0);
    assert.equal(kubelet.failed, 0);
  });
});
