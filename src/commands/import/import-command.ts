// `kube-lego import cert-manager`: what would be handed over, and with --apply the hand-over or its reversal. Called by run.ts.

import pLimit from 'p-limit';
import { sourceKey } from '../../../machines/ownership/source-key.ts';
import { second } from '../../../machines/time/durations.ts';
import { assessmentPolicy } from '../../config/policies.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { isForbidden, KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { SecretStore } from '../../kubernetes/records/secret-store.ts';
import { sleep } from '../../time/clock.ts';
import type { Request } from '../command-line.ts';
import type { CommandOptions } from '../command-options.ts';
import { surveySources } from '../reading/cluster-reading.ts';
import type { CommandSettings } from '../reading/secret-standing.ts';
import { jsonText, printable } from '../terminal-text.ts';
import { type CertificateObject, readCertManager } from './cert-manager-objects.ts';
import { HandOver } from './hand-over.ts';
import { Candidates } from './import-candidates.ts';
import { type Planned, planImport, secretKeys } from './import-plan.ts';
import { importReport, reportText } from './import-report.ts';
import { returnToCertManager } from './return.ts';
import { readSecretMarks } from './secret-marks.ts';

type ImportRequest = Extract<Request, { kind: 'import' }>;
type Ready = Extract<Planned, { kind: 'ready' }>;

const readsAtOnce = 16;
/** Milliseconds in which cert-manager makes a Certificate again, if something still has it do so. */
const settling = 5 * second;
const mostLooks = 2;

/** @returns the exit code: 0 all can be, or is, handed over; 1 something is not; 2 a setting is missing */
export async function importFromCertManager(
  client: KubernetesClient,
  config: CommandSettings,
  request: ImportRequest,
  options: CommandOptions,
): Promise<number> {
  const { complain, signal } = options;
  try {
    if (request.revert) return await returnToCertManager(client, config, request, options);
    if (!config.directoryKnown) {
      complain('Set LEGO_URL as kube-lego has it: only certificates of the same CA are handed over.');
      return 2;
    }
    return await handOverAll(client, config, request, options);
  } catch (error) {
    signal.throwIfAborted();
    if (!isForbidden(error)) throw error;
    complain(printable(error instanceof Error ? error.message : ''));
    complain('Use a kubeconfig that may: docs/migration.md lists what an import reads and writes.');
    return 1;
  }
}

async function handOverAll(
  client: KubernetesClient,
  config: CommandSettings,
  request: ImportRequest,
  options: CommandOptions,
): Promise<number> {
  const { namespace, output, apply } = request;
  const { planned, certificates } = await readPlan(client, config, namespace, options);
  const ready = planned.filter((one) => one.kind === 'ready');
  const failed = apply
    ? await handOver(client, config, groupsOf(ready), namespace, options)
    : new Map<Ready, string>();
  const report = importReport(planned, certificates, failed, apply);
  options.print(output === 'json' ? jsonText(report) : reportText(report));
  return planned.length === ready.length && failed.size === 0 ? 0 : 1;
}

/** @returns the Ingresses that cert-manager still sees to, or nobody, with the reason */
async function handOver(
  client: KubernetesClient,
  { annotationKey }: CommandSettings,
  groups: readonly (readonly Ready[])[],
  namespace: string | undefined,
  { clock, signal }: CommandOptions,
): Promise<ReadonlyMap<Ready, string>> {
  const failed = new Map<Ready, string>();
  const writes = new HandOver(client, annotationKey, signal);
  let released: (readonly Ready[])[] = [];
  for (const group of groups) {
    if (await succeeds(group, () => writes.release(group))) released.push(group);
  }
  // It may have made a Certificate again because it had not seen the change of the Ingress; a second time it has a reason.
  for (let look = 1; released.length > 0 && look <= mostLooks; look += 1) {
    await sleep(clock, settling, signal);
    // While the Secrets have its marks, cert-manager orders nothing for a Certificate that it makes again.
    const found = await readCertManager(client, namespace, signal);
    const waiting: (readonly Ready[])[] = [];
    for (const group of released) {
      const keys = new Set(group.flatMap(({ candidate }) => secretKeys(candidate)));
      const again = (found?.certificates ?? []).filter((one) =>
        keys.has(`${one.namespace}/${one.secretName}`),
      );
      const [first] = again;
      if (first === undefined) {
        await succeeds(group, () => writes.complete(group));
      } else if (look < mostLooks) {
        if (await succeeds(group, () => writes.removeAll(again))) waiting.push(group);
      } else if (await succeeds(group, () => writes.putBack(group))) {
        for (const one of group) failed.set(one, madeAgain(first));
      }
    }
    released = waiting;
  }
  return failed;

  async function succeeds(group: readonly Ready[], work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubernetesError)) throw error;
      for (const one of group) failed.set(one, error.words);
      return false;
    }
  }
}

function madeAgain({ namespace, name }: CertificateObject): string {
  return (
    `cert-manager has made Certificate ${namespace}/${name} again: something puts its annotations back on the Ingress, such as ` +
    'Argo CD, Flux or Helm, or it has a default issuer. So the Ingress is as it was; take the annotations out there first.'
  );
}

async function readPlan(
  client: KubernetesClient,
  config: CommandSettings,
  namespace: string | undefined,
  { clock, signal }: CommandOptions,
) {
  const now = clock.now();
  const [certManager, marks] = await Promise.all([
    readCertManager(client, namespace, signal),
    readSecretMarks(client, namespace, signal),
  ]);
  const candidates = new Candidates(config.annotationKey, namespace, marks.marked);
  const survey = await surveySources(client, config, namespace, now, signal, (ingress) =>
    candidates.seen(ingress),
  );
  const limit = pLimit(readsAtOnce);
  const store = new SecretStore(client);
  const keys = new Set(candidates.all.flatMap(secretKeys));
  const reads = [...keys].map((key) =>
    limit(async () => {
      const [place = '', name = ''] = key.split('/');
      return [key, await store.read(place, name, signal)] as const;
    }),
  );
  const planned = planImport({
    candidates: candidates.all,
    assignmentOf: (candidate) => survey.ownership.assignment(sourceKey({ kind: 'Ingress', ...candidate })),
    secrets: new Map(await Promise.all(reads)),
    ownedSecrets: marks.owned,
    certManager,
    annotationKey: config.annotationKey,
    policy: assessmentPolicy(config),
    now,
  });
  // Certificates that no Ingress uses stay, too.
  const certificates = (certManager?.certificates ?? []).filter(
    (certificate) => !survey.named.has(`${certificate.namespace}/${certificate.secretName}`),
  );
  return { planned, certificates };
}

/** Those that share Secrets, together. */
function groupsOf(ready: readonly Ready[]): Ready[][] {
  const groups = new Map<string, Ready[]>();
  for (const one of ready) {
    const keys = secretKeys(one.candidate);
    const joined = new Set(keys.flatMap((key) => [groups.get(key) ?? []]));
    const group = [...[...joined].flat(), one];
    for (const member of group) for (const key of secretKeys(member.candidate)) groups.set(key, group);
  }
  return [...new Set(groups.values())];
}
