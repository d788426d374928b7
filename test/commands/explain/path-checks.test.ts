import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkService } from '../../../src/commands/explain/path-checks.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { ApiStandIn } from '../../kubernetes/api-stand-in.ts';
import { configOf, controllerEnv } from '../../process/controller-config.ts';

const path = '/api/v1/namespaces/kube-lego/';
const service = `${path}services/kube-lego`;
const endpoints = `${path}endpoints/kube-lego`;
const ready = { subsets: [{ notReadyAddresses: [{ ip: '10.0.0.1' }] }, { addresses: [{ ip: '10.0.0.2' }] }] };

describe('what explain says of the Service that challenges go to', () => {
  let api: ApiStandIn;
  let client: KubernetesClient;
  before(async () => {
    api = await ApiStandIn.start();
    client = createKubernetesClient(api.access);
  });
  after(async () => {
    await client.close();
    await api.stop();
  });

  const cases: readonly {
    readonly name: string;
    readonly objects: Readonly<Record<string, object>>;
    readonly otherwise?: string;
    readonly result: string;
    readonly text: RegExp;
  }[] = [
    { name: 'that is not there', objects: {}, result: 'problem', text: /^There is no Service kube-lego/ },
    { name: 'without Endpoints', objects: { [service]: {} }, result: 'problem', text: /has no ready pod/ },
    {
      name: 'without a ready pod',
      objects: { [service]: {}, [endpoints]: { subsets: ready.subsets.slice(0, 1) } },
      result: 'problem',
      text: /has no ready pod/,
    },
    {
      name: 'with a ready pod',
      objects: { [service]: {}, [endpoints]: ready },
      result: 'ok',
      text: /^Service kube-lego\/kube-lego has a ready pod/,
    },
    {
      name: 'that may not be read',
      objects: {},
      otherwise: 'Forbidden',
      result: 'unknown',
      text: /may not be read with this kubeconfig/,
    },
  ];
  for (const { name, objects, otherwise = 'NotFound', result, text } of cases) {
    it(`${name}: ${result}`, async () => {
      api.override = (_, response, { pathname }) => {
        const found = objects[pathname];
        const status = found !== undefined ? 200 : otherwise === 'NotFound' ? 404 : 403;
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(found ?? { kind: 'Status', reason: otherwise, message: otherwise }));
        return true;
      };
      const check = await checkService(client, configOf(await controllerEnv()), AbortSignal.timeout(60_000));
      assert.equal(check.result, result);
      assert.match(check.text, text);
    });
  }
});
