import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { neededTools } from '../../deploy/local/launcher/needed-tools.mjs';

const root = join(import.meta.dirname, '../..');

describe('the tools that are built for', () => {
  const servers = [
    'etcd',
    'gateway-api-crds',
    'kube-apiserver',
    'kustomize',
    'pebble',
    'pebble-challtestsrv',
  ];
  const programs: Record<string, readonly string[]> = {
    'deploy/local/demo.ts': servers,
    'test/bench/bench.ts': servers,
    'src/main.ts': [],
    'test/simulation/simulate.ts': [],
    // What a program starts counts as well as what it imports.
    'test/local/session.test.ts': ['etcd', 'kube-apiserver'],
    'test/local/pebble.test.ts': ['pebble', 'pebble-challtestsrv'],
    'test/local/gateway-api.test.ts': [
      'etcd',
      'gateway-api-crds',
      'kube-apiserver',
      'kustomize',
      'older-gateway-api-crds',
    ],
    'test/metrics/alerts.test.ts': ['promtool'],
    'test/authority/order-gates.test.ts': [],
  };
  for (const [program, tools] of Object.entries(programs)) {
    test(`${program} are those that its code asks for`, () => {
      assert.deepEqual(neededTools([join(root, program)]).toSorted(compare), tools);
    });
  }
});

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}
