import process from 'node:process';
import { Lender } from './lender.ts';

// Clusters for all test files of a run: a start of etcd and kube-apiserver costs over two seconds of CPU, to clean them between a
// hundredth and one. Node's test runner calls these two functions, in its own process; `borrowCluster` is for the tests.

let lender: Lender | undefined;

export async function globalSetup(): Promise<void> {
  lender = await Lender.start();
  process.env['TEST_CLUSTERS'] = String(lender.port);
}

export async function globalTeardown(): Promise<void> {
  await lender?.stop();
}
