import { setTimeout as delay } from 'node:timers/promises';
import { decodeHolders } from '../../machines/ownership/holders/holder-document.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { apiWritesSince, describeWrites } from './api-writes.ts';
import { createValid, members } from './fleet.ts';
import { restart } from './idleness.ts';
import { type Bench, Stage } from './stage.ts';
import type { Row } from './table.ts';

const fleet = 1000;
const records = '/api/v1/namespaces/kube-lego/configmaps?labelSelector=kube-lego.io/record=holders';
const recordLimit = 30_000;

/** The first start of this version after one that kept no record of holders, until the record is written. */
export async function measureUpgrade(bench: Bench): Promise<Row[]> {
  await using stage = await Stage.start(bench);
  const { progress } = bench;
  await stage.controller.stop();
  progress(`creating ${fleet} Ingresses with certificates of the version before`);
  // Includes the one that created the account.
  await createValid(stage.world.api, stage.world.pebble.directoryUrl, members(1, fleet - 1));
  await stage.world.api.expect(records, { method: 'DELETE' });
  progress(`upgrade with ${fleet}`);
  const since = Date.now();
  const { caRequests, cpuSeconds } = await restart(stage, fleet);
  const changed = await changedHolders(stage);
  const writes = await apiWritesSince(stage.world.cluster.auditLog, since);
  return [
    {
      what: `upgrade from a version without a record of holders, with ${fleet} valid certificates`,
      peer: '–',
      goal: '0 CA requests, 0 hosts with another holder, ≤ 5 writes, all of them of the record',
      measured: `${caRequests} CA requests, ${changed} hosts with another holder, ${writes.total} writes (${describeWrites(writes)}), ${cpuSeconds.toFixed(2)} s of CPU`,
      met: caRequests === 0 && changed === 0 && writes.total === writes.others && writes.total <= 5,
    },
  ];
}

/** How many hosts have another holder than their namespace, or none, when the record is complete or time is up. */
async function changedHolders(stage: Stage): Promise<number> {
  const deadline = Date.now() + recordLimit;
  for (;;) {
    const items = arrayField(await stage.world.api.expect(records), 'items');
    const documents = items.map((item) => stringField(recordField(item, 'data'), 'holders.json') ?? '');
    const holders = new Map(documents.flatMap((text) => [...decodeHolders(text).holders]));
    const changed = members(0, fleet).filter(
      ({ host, namespace }) => holders.get(host)?.namespace !== namespace,
    ).length;
    if (changed === 0 || Date.now() > deadline) return changed;
    await delay(500);
  }
}
