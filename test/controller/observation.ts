import { X509Certificate } from 'node:crypto';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { ingressPath, secretPath } from '../controller-failures/objects.ts';
import type { Stage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';

/** Waits until the Ingress has so many Events; returns type and reason of each, in the order of their times. */
export async function untilTold(stage: Stage, key: string, count = 1): Promise<string[]> {
  let told: string[] = [];
  await eventually(`Ingress ${key} has ${count} Events`, async () => {
    told = (await stage.events(key)).map(({ type, reason }) => `${type} ${reason}`);
    return told.length >= count;
  });
  return told;
}

/** The hosts of the certificate in the Secret `namespace/name`, sorted; none if there is no certificate. */
export async function hostsIn(stage: Stage, key: string): Promise<string[]> {
  const chainPem = (await stage.secret(key))?.['tls.crt'] ?? '';
  if (chainPem === '') return [];
  const names = new X509Certificate(chainPem).subjectAltName ?? '';
  return names
    .split(', ')
    .map((name) => name.replace(/^DNS:/, ''))
    .toSorted();
}

/** Waits until the certificate in the Secret covers exactly these hosts. */
export async function untilCovers(stage: Stage, key: string, hosts: readonly string[]): Promise<void> {
  const wanted = hosts.toSorted().join();
  await stage.guard(
    eventually(
      `Secret ${key} covers ${hosts.join(', ')}`,
      async () => (await hostsIn(stage, key)).join() === wanted,
      // A self-check that failed while the objects were applied is repeated after a minute.
      130_000,
    ),
  );
}

/** The hosts that the challenge Ingress has a rule for now. */
export async function challengeHosts(stage: Stage): Promise<(string | undefined)[]> {
  const challengeIngress = await stage.object(ingressPath('kube-lego/kube-lego'));
  return arrayField(recordField(challengeIngress, 'spec'), 'rules').map((rule) => stringField(rule, 'host'));
}

/** Waits until the order for this host is recorded with its URL, by which the next process goes on with it. */
export async function untilPlaced(stage: Stage, host: string): Promise<void> {
  await eventually('the order is recorded', async () => {
    const secret = await stage.object(secretPath('kube-lego/kube-lego-journal-0'));
    return Object.values(recordField(secret, 'data') ?? {}).some((text) => {
      const entry: unknown = JSON.parse(Buffer.from(String(text), 'base64').toString());
      return arrayField(entry, 'hosts').includes(host) && stringField(entry, 'orderUrl') !== undefined;
    });
  });
}

/** The API server keeps the age of objects in whole seconds: after this, a new one is younger than all before. */
export async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  await eventually('the next second', () => Math.floor(Date.now() / 1000) > second);
}
