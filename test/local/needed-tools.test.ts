import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needs } from '../../deploy/local/launcher/needed-tools.mjs';

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
      assert.deepEqual(needs([join(root, program)]).tools.toSorted(compare), tools);
    });
  }
});

test('kube-lego is bundled for what may start it as the image does, and for nothing else', () => {
  const starts = (file: string): boolean => needs([join(root, file)]).program;
  const files = [
    'deploy/local/demo.ts',
    'deploy/image/build.ts',
    'test/bench/bench.ts',
    'test/process/start.test.ts',
  ];
  assert.deepEqual(files.filter(starts), files);
  const others = ['src/main.ts', 'test/simulation/simulate.ts', 'test/authority/order-gates.test.ts'];
  assert.deepEqual(others.filter(starts), []);
});

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}
