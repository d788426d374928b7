import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { applyObjects } from '../../deploy/local/manifests.ts';
import { zonesDocument } from '../../deploy/local/world.ts';
import { apiWritesSince, describeWrites } from './api-writes.ts';
import { createIngress, inParallel, type Member, members } from './fleet.ts';
import { type Bench, Stage } from './stage.ts';
import type { Row } from './table.ts';

const zone = 'wild.example.com';
const fleet = 100;

/** Wildcards at once, by DNS-01 (RFC 2136) at one name server. */
export async function measureWildcards(bench: Bench): Promise<Row[]> {
  await using stage = await Stage.start(bench, { zones: [zone] });
  const { progress } = bench;
  const { cluster, zoneServer, api, pebble } = stage.world;
  await applyObjects(cluster.adminKubeconfig, [zonesDocument(zoneServer, 'namespaces: *')]);
  const first = members(1, 1).map(wild);
  for (const member of first) await stage.issue(member);
  zoneServer.asked.length = 0;
  progress(`${fleet} wildcards at once`);
  const all = members(1000, fleet).map(wild);
  const since = Date.now();
  const startedAt = performance.now();
  const filling = Promise.all(all.map((member) => stage.secrets.filled(member)));
  const creating = inParallel(all, (member) => createIngress(api, member));
  const [times] = await pebble.guard(Promise.all([filling, creating]));
  const perSecond = (fleet * 1000) / (Math.max(...times) - startedAt);
  await stage.valuesGone();
  await stage.settled();
  const writes = await apiWritesSince(cluster.auditLog, since);
  const { asked } = zoneServer;
  const updates = asked.filter((question) => question.startsWith('UPDATE')).length;
  return [
    {
      what: `${fleet} wildcards at once, certificates/s`,
      peer: '–',
      goal: '–',
      measured: perSecond.toFixed(1),
      met: true,
    },
    {
      what: `DNS updates and queries per wildcard, those of the CA among them`,
      peer: '–',
      goal: '–',
      measured: `${(updates / fleet).toFixed(2)} and ${((asked.length - updates) / fleet).toFixed(2)}`,
      met: true,
    },
    {
      what: `API writes per wildcard, ${fleet} at once`,
      peer: '–',
      goal: '–',
      measured: `${(writes.total / fleet).toFixed(2)} (${describeWrites(writes)})`,
      met: true,
    },
    {
      what: 'heap of the code that is loaded, without DNS zones and with them',
      peer: '–',
      goal: '–',
      measured: (await heapOfCode()).map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(' and '),
      met: true,
    },
  ];
}

/** In bytes, of the controller alone, and with what it loads where there are DNS zones. */
async function heapOfCode(): Promise<number[]> {
  const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  const script = `
    const heap = () => (gc(), process.memoryUsage().heapUsed);
    await import(${source('controller.ts')});
    const without = heap();
    await import(${source('challenges/dns-01/create-dns-01.ts')});
    console.log(without, heap());`;
  const options = ['--expose-gc', '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, options);
  return stdout.trim().split(' ').map(Number);
}

function wild(member: Member): Member {
  return { ...member, host: `*.${member.name}.${zone}` };
}
