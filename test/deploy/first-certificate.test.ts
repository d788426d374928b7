import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { applyManifests, applyObjects } from '../../deploy/local/manifests.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { ingress } from '../controller-failures/objects.ts';
import { startStage } from '../controller-failures/stage.ts';
import { chartFolder, helm } from './chart/helm.ts';
import { variablesOf } from './confinement.ts';
import { deployFolder } from './deployed-cluster.ts';
import { argumentOf, argumentsOf } from './install-commands.ts';

const key = 'shop/web';
const deployment = '/apis/apps/v1/namespaces/kube-lego/deployments/kube-lego';

/** Values that the controller, its roles and its admission policies have to agree about. */
const unusual = {
  watchNamespaces: ['shop'],
  secretWatch: true,
  settings: {
    secretName: 'account',
    ingressName: 'challenges',
    kubeAnnotation: 'example.com/tls',
    objectLabels: { 'example.com/team': 'platform' },
    objectAnnotations: { 'example.com/note': 'one, two' },
    challengeIngressAnnotations: { 'example.com/auth': 'off' },
  },
};

/** An account of the operator's, and all at once that has roles of its own. */
const ownAccount = {
  ...unusual,
  replicas: 3,
  serviceAccount: { create: false },
  gateway: { enabled: true, sameNamespace: true },
  dns01: { enabled: true, externalDns: true },
  podDisruptionBudget: { maxUnavailable: '50%' },
  networkPolicy: { restricted: true },
};

/** The operator's ServiceAccount, as the notes of the release say that it is annotated. */
function annotatedAccount(notes: string) {
  const [, name = '', namespace = '', given = ''] =
    /^ {2}kubectl annotate serviceaccount (\S+) --namespace (\S+) --overwrite((?: \\\n {4}'.*')+)$/m.exec(
      notes,
    ) ?? assert.fail(notes);
  const annotations = Object.fromEntries(
    [...given.matchAll(/'([^=]+)=(.*)'/g)].map(([, key = '', value = '']) => [key, value]),
  );
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, annotations } };
}

interface Way {
  readonly install: (cluster: ClusterAccess) => Promise<unknown>;
  /** of the Ingress, besides the usual ones */
  readonly annotations?: Readonly<Record<string, string>>;
}

function byHelm({ adminKubeconfig }: ClusterAccess, options: readonly string[], values?: object) {
  const [name = '', , ...others] = argumentsOf('helm install');
  return helm(['install', name, chartFolder, ...others, ...options, '--kubeconfig', adminKubeconfig], values);
}

const ways: Readonly<Record<string, Way>> = {
  "the README's `helm install`": { install: (cluster) => byHelm(cluster, []) },
  "the README's `kubectl apply -k`": {
    install: ({ adminKubeconfig }) =>
      applyManifests(adminKubeconfig, [join(deployFolder, '..', argumentOf('kubectl apply -k'))]),
  },
  '`helm install` with unusual values': {
    install: async (cluster) => {
      const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
      await applyObjects(cluster.adminKubeconfig, [shop]);
      await byHelm(cluster, ['--values=-'], unusual);
    },
    annotations: { 'example.com/tls': 'true' },
  },
  "`helm install` with the operator's ServiceAccount": {
    install: async (cluster) => {
      // Not annotated afterwards: the API server would take a moment to tell the policies.
      const notes = await byHelm(cluster, ['--values=-', '--dry-run=client'], ownAccount);
      await applyObjects(cluster.adminKubeconfig, [
        ...['shop', 'kube-lego'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
        annotatedAccount(notes),
      ]);
      await byHelm(cluster, ['--values=-'], ownAccount);
    },
    annotations: { 'example.com/tls': 'true' },
  },
};

describe('the first certificate in a cluster that has never seen kube-lego', () => {
  for (const [title, { install, annotations }] of Object.entries(ways)) {
    it(`comes after ${title}`, async () => {
      const cluster = await borrowCluster();
      await install(cluster);
      // What the controller is refused fails at the end.
      const stage = await startStage({ cluster, deployed: true, namespaces: ['shop'] });
      try {
        // The CA is that of the stage.
        await stage.startController(variablesOf(await stage.object(deployment)));
        await stage.apply(
          ingress(key, { tls: { 'web-tls': ['web.example.com'] }, ...(annotations && { annotations }) }),
        );
        await stage.untilIssued(key);
        assert.match((await stage.secret('shop/web-tls'))?.['tls.crt'] ?? '', /BEGIN CERTIFICATE/);
      } finally {
        await stage.stop();
      }
    });
  }
});
