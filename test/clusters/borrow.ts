import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline/promises';
import { startCluster } from '../../deploy/local/cluster.ts';
import { ClusterAccess, type ClusterParts } from '../../deploy/local/cluster-access.ts';
import { applyBase } from '../../deploy/local/manifests.ts';
import { isRecord } from '../../src/process/json.ts';
import type { Holding } from './lent-cluster.ts';

/**
 * A cluster that nobody else uses; it is given back by `stop`, or when this process ends. Without the test run's lender (a
 * test file that is run by itself) it is started here.
 *
 * For tests that use a cluster as it is. Who stops its API server, or wants flags of its own, calls `startCluster`.
 */
export async function borrowCluster(holding: Holding = 'nothing'): Promise<ClusterAccess> {
  const port = process.env['TEST_CLUSTERS'];
  if (port === undefined) return startOwn(holding);
  const lease = connect(Number(port), '127.0.0.1');
  lease.write(`${holding}\n`);
  const { value } = await createInterface(lease)[Symbol.asyncIterator]().next();
  const answer: unknown = JSON.parse(String(value));
  assert.ok(isParts(answer), `No cluster to borrow: ${String(value)}`);
  // Whoever forgets to stop it shall not be kept alive by it.
  lease.unref();
  return new BorrowedCluster(answer, lease);
}

async function startOwn(holding: Holding): Promise<ClusterAccess> {
  const cluster = await startCluster();
  if (holding === 'deployment') await applyBase(cluster.adminKubeconfig);
  return cluster;
}

class BorrowedCluster extends ClusterAccess {
  readonly #lease: Socket;

  constructor(parts: ClusterParts, lease: Socket) {
    super(parts);
    this.#lease = lease;
  }

  override async stop(): Promise<void> {
    if (this.#lease.destroyed) return;
    this.#lease.destroy();
    await once(this.#lease, 'close');
  }
}

function isParts(answer: unknown): answer is ClusterParts {
  return isRecord(answer) && 'serverUrl' in answer;
}
