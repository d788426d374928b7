// `kube-lego status`: a row for each Secret of each source, and what else is amiss. Called by run.ts; explain shows the same rows.

import pLimit from 'p-limit';
import { type SourceReference, sourceKey } from '../../../machines/ownership/source-key.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { unless } from '../../kubernetes/client/kubernetes-error.ts';
import { SecretStore } from '../../kubernetes/records/secret-store.ts';
import { discoverGatewayApi } from '../../sources/gateway/gateway-discovery.ts';
import { listOwnSecrets, surveySources } from '../reading/cluster-reading.ts';
import type { GatewaySurvey } from '../reading/gateway-reading.ts';
import { type Leader, leaderText, readLeader } from '../reading/leader.ts';
import { type CommandSettings, readStanding, type SecretStanding } from '../reading/secret-standing.ts';
import { readRevocations, revocationLine } from '../revoke/requested-revocations.ts';
import { printable } from '../terminal-text.ts';
import { entryOf, needsAttention, type StatusRow, statusRows } from './status-rows.ts';
import { statusTable } from './status-table.ts';

export interface Overview {
  readonly rows: readonly StatusRow[];
  /** `namespace/name` of our Secrets that no source, managed or not, names; undefined if Secrets may not be listed. */
  readonly orphans: readonly string[] | undefined;
  /** Why Gateways were not read, which may name the orphans; undefined if they were, there are none, or there are no orphans. */
  readonly gatewaysUnread?: 'off' | 'denied' | 'unknown' | undefined;
  readonly leader: Leader;
  /** Watched namespaces whose Ingresses may not be listed. */
  readonly denied: readonly string[];
  /** Revocations that are not done, each a line; none if they may not be read. */
  readonly revocations: readonly string[];
}

const readsInFlight = 16;

/** The state of all sources that may be listed, sorted by kind and name. @throws KubernetesError */
export async function overviewOf(
  client: KubernetesClient,
  config: CommandSettings,
  namespace: string | undefined,
  now: number,
  signal: AbortSignal,
): Promise<Overview> {
  const [survey, leader] = await Promise.all([
    surveySources(client, config, namespace, now, signal),
    readLeader(client, config.namespace, now, signal),
  ]);
  const { sources, ownership, named, holders, namespaces: surveyed } = survey;
  const secrets = new SecretStore(client);
  const limit = pLimit(readsInFlight);
  const pending: Promise<StatusRow[]>[] = [];
  for (const spec of [...sources.values()].toSorted(byKey)) {
    const assignment = ownership.assignment(sourceKey(spec));
    if (assignment === undefined || assignment.outside === true) continue;
    if (namespace !== undefined && spec.namespace !== namespace) continue;
    const unrecorded = assignment.desired.filter(({ secretName }) => entryOf(spec, secretName) === undefined);
    const reads = unrecorded.map((desired) =>
      limit(
        async (): Promise<[string, SecretStanding]> => [
          desired.secretName,
          await readStanding(secrets, desired, config, holders, now, signal),
        ],
      ),
    );
    pending.push(Promise.all(reads).then((read) => statusRows(spec, assignment, new Map(read), now)));
  }
  const rows = (await Promise.all(pending)).flat();
  const wanted =
    namespace === undefined ? surveyed : [namespace].filter((name) => surveyed?.includes(name) ?? true);
  // Ingresses can name only Secrets of their own namespace.
  const own = await listOwnSecrets(client, wanted, signal);
  const denied = namespace === undefined ? survey.denied : [];
  const requested = (await readRevocations(client, config.namespace, signal)) ?? [];
  const revocations = requested
    .filter((entry) => entry.state.phase !== 'revoked' && (namespace ?? entry.namespace) === entry.namespace)
    .map(revocationLine);
  const orphans = own?.filter((key) => !named.has(key));
  const gatewaysUnread = await whyUnread(client, survey.gateways, orphans ?? [], signal);
  return { rows, orphans, gatewaysUnread, leader, denied, revocations };
}

async function whyUnread(
  client: KubernetesClient,
  gateways: GatewaySurvey | undefined,
  orphans: readonly string[],
  signal: AbortSignal,
): Promise<Overview['gatewaysUnread']> {
  if (gateways?.discovered === false) return 'unknown';
  if (orphans.length === 0) return undefined;
  if (gateways !== undefined) return gateways.partial ? 'denied' : undefined;
  const served = await unless('Forbidden', () => discoverGatewayApi(client, signal));
  if (served === undefined) return 'unknown';
  return served.has('Gateway') ? 'off' : undefined;
}

const gatewayDoubts = {
  off: 'A Gateway may still name them: LEGO_GATEWAY_API is not on here, so none was read.',
  denied: 'A Gateway may still name them: not all may be listed.',
  unknown: 'Whether there are Gateways, and what they name, is unknown: the API groups may not be read here.',
} as const;

/**
 * The overview as text.
 *
 * @param none what is said where it has no row
 */
export function overviewText(overview: Overview, now: number, none: string): string {
  const { rows, orphans, gatewaysUnread, leader, denied, revocations } = overview;
  const table = rows.length === 0 ? none : statusTable(rows, now);
  const counts = Map.groupBy(rows, ({ state }) => state);
  const summary = [...counts].map(([state, { length }]) => `${length} ${state}`).join(', ');
  const orphaned =
    orphans === undefined
      ? ['Secrets without an Ingress or Gateway: unknown, because Secrets may not be listed.']
      : orphans.length === 0
        ? []
        : [
            `Secrets of kube-lego that no Ingress ${gatewaysUnread === undefined ? 'or Gateway ' : ''}names any more: ${orphans.join(', ')}`,
          ];
  const doubts = gatewaysUnread === undefined ? [] : [gatewayDoubts[gatewaysUnread]];
  const hidden =
    denied.length === 0
      ? []
      : [
          `Not shown, because their Ingresses may not be listed: ${denied.join(', ')}. ` +
            'Use a kubeconfig that may list Ingresses there, too.',
        ];
  return [
    table,
    '',
    ...(summary === '' ? [] : [summary]),
    leaderText(leader),
    ...orphaned,
    ...doubts,
    ...revocations.map(printable),
    ...hidden,
  ]
    .join('\n')
    .trimEnd();
}

/** Only rows that need action. */
export function problemsOf(overview: Overview): Overview {
  return { ...overview, rows: overview.rows.filter(needsAttention) };
}

function byKey(one: SourceReference, other: SourceReference): number {
  const [left, right] = [sourceKey(one), sourceKey(other)];
  return left === right ? 0 : left < right ? -1 : 1;
}
