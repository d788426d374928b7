// The checks of `kube-lego explain`, one file for each part of the way to a certificate; `conclusion` makes a verdict of them. Called by
// run.ts.

import { type SourceReference, sourceKey, sourceName } from '../../../machines/ownership/source-key.ts';
import { classNameOf, type IngressClassReference } from '../../../machines/ownership/source-spec.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { NumberedDocuments } from '../../kubernetes/records/numbered-documents.ts';
import { SecretStore } from '../../kubernetes/records/secret-store.ts';
import { recordField } from '../../process/json.ts';
import { isTrue } from '../../sources/source-annotations.ts';
import type { Clock } from '../../time/clock.ts';
import { readSourceObject, surveySources } from '../reading/cluster-reading.ts';
import { leaderCheck, readLeader } from '../reading/leader.ts';
import { askController } from '../reading/live-detail.ts';
import { type CommandSettings, readStanding } from '../reading/secret-standing.ts';
import { readRevocations } from '../revoke/requested-revocations.ts';
import { entryOf } from '../status/status-rows.ts';
import { conclude, type DesiredStanding, isGood } from './conclusion.ts';
import { checkDns } from './dns-checks.ts';
import { type Check, type Explanation, isProblem } from './explanation.ts';
import { checkListeners } from './gateway-checks.ts';
import {
  checkAddress,
  checkClasses,
  checkGate,
  checkOption,
  checkRules,
  checkWish,
} from './ingress-checks.ts';
import { checkLimits, type LedgerStores } from './limit-checks.ts';
import { liveChecks } from './live-checks.ts';
import { checkOwners } from './owner-checks.ts';
import { checkHost, checkService } from './path-checks.ts';
import { checkRevocations } from './revocation-checks.ts';
import { checkOutcome, checkSecret } from './secret-checks.ts';
import { checkServed } from './served-checks.ts';

export interface ExplainOptions {
  readonly client: KubernetesClient;
  readonly config: CommandSettings;
  readonly clock: Clock;
  /** Skips the checks of DNS and hosts. */
  readonly offline: boolean;
}

const mostHosts = 20;

/** Explains one source, with the controller's view if it is reachable. @throws KubernetesError if the API server is unreachable */
export async function explain(
  { client, config, clock, offline }: ExplainOptions,
  source: SourceReference,
  signal: AbortSignal,
): Promise<Explanation> {
  const { kind, namespace } = source;
  const ingress = sourceName(sourceKey(source));
  const object = await readSourceObject(client, source, signal);
  if (object === undefined) {
    const text = `There is no ${kind} ${namespace}/${source.name}.`;
    const remedy = `Check namespace and name: kubectl get ${kind.toLowerCase()} -A.`;
    return stopped(source, [{ about: kind, result: 'problem', text, remedy }]);
  }
  const enabled = isTrue(recordField(recordField(object, 'metadata'), 'annotations'), config.annotationKey);
  const gate = [...checkGate(source, enabled, object, config), ...checkOption(source, config)];
  if (gate.some(isProblem)) return stopped(source, gate);

  const now = clock.now();
  const {
    ownership,
    sources,
    gateways,
    partial,
    holders,
    classes: existing,
  } = await surveySources(client, config, namespace, now, signal);
  const spec = sources.get(sourceKey(source));
  const assignment = ownership.assignment(sourceKey(source));
  if (spec === undefined || assignment === undefined) return stopped(source, gate);
  const document = `${config.namespace}/${config.dnsZones ?? ''}`;
  const wish = [...checkWish(assignment, kind), ...checkDns(assignment, { namespace, document })];
  if (assignment.desired.length === 0) return stopped(source, [...gate, ...wish]);

  const secrets = new SecretStore(client);
  const answer = await askController(config.inspectorPort, spec, signal);
  const live = answer.kind === 'told' ? answer.detail : undefined;
  const standings = await Promise.all(
    assignment.desired.map(async (desired): Promise<DesiredStanding> => {
      const standing = await readStanding(secrets, desired, config, holders, now, signal);
      const { secretName } = desired;
      const certificate = live?.certificates.find(({ secret }) => secret === secretName);
      return { desired, standing, entry: entryOf(spec, secretName), live: certificate };
    }),
  );
  if (assignment.desired.every(({ hosts }) => hosts.length === 0) && !standings.some(isCaredFor))
    return stopped(source, [...gate, ...wish]);
  const rules = assignment.desired.flatMap(({ hosts }) =>
    hosts.flatMap((route) =>
      route.challenge === 'dns-01' ? [] : ownership.challengeRules(namespace, route),
    ),
  );
  const references = distinctClasses([spec.ingressClass, ...rules.map(({ ingressClass }) => ingressClass)]);
  const operator = !partial || holders !== undefined;
  const [leader, requested, served, service, paths] = await Promise.all([
    readLeader(client, config.namespace, now, signal),
    readRevocations(client, config.namespace, signal),
    checkServed(assignment, operator, secrets, signal),
    checkService(client, config, signal),
    offline ? [] : checkPaths(standings, config, signal),
  ]);
  const bad = standings.filter((standing) => !isGood(standing));
  const limits =
    live === undefined ? await checkLimits(ledgersOf(client, config), config, bad, now, signal) : [];
  const checks = [
    ...gate,
    ...wish,
    ...(partial ? [incomplete] : []),
    ...checkOwners(assignment, {
      hostOwner: (host) => ownership.hostOwner(host, now),
      holders,
      operator,
    }),
    ...served,
    ...(spec.gateway === true
      ? checkListeners(spec, assignment, gateways, {
          namespace: config.namespace,
          isHeldBy: (namespace, host) => ownership.isHeldBy(namespace, host),
        })
      : [
          ...checkClasses(references, (ingressClass) => ownership.classStanding(ingressClass), existing),
          checkAddress(object),
          ...checkRules(rules),
        ]),
    leaderCheck(leader),
    ...(answer.kind === 'stranger' ? [stranger] : []),
    ...(live === undefined ? [service] : liveChecks(live, now)),
    ...limits,
    ...paths,
    ...standings.flatMap(({ desired, standing, entry }) => [
      checkSecret(desired, standing, now),
      checkOutcome(desired.secretName, entry),
      ...checkRevocations(desired, requested ?? []),
    ]),
  ];
  const conclusion = conclude(standings, wish, live?.row, checks, now, kind);
  return { ingress, ...conclusion, checks, ...(live === undefined ? {} : { live }) };
}

function distinctClasses(all: readonly IngressClassReference[]): IngressClassReference[] {
  return [...new Map(all.map((reference) => [classNameOf(reference, undefined), reference])).values()];
}

const incomplete: Check = {
  about: 'ownership',
  result: 'unknown',
  text: 'Ingresses or Gateways of other namespaces may not be listed, so claims to a host there are unknown here.',
};

const stranger: Check = {
  about: 'controller',
  result: 'note',
  text: 'The controller on this machine knows another object of this kind and name, probably of another cluster: it is ignored.',
};

function ledgersOf(client: KubernetesClient, { namespace }: CommandSettings): LedgerStores {
  return {
    orders: new NumberedDocuments(client, namespace, 'orders'),
    rehearsals: new NumberedDocuments(client, namespace, 'rehearsals'),
  };
}

/** A certificate of hosts that get no new one is cared for. */
function isCaredFor({ standing }: DesiredStanding): boolean {
  return standing.kind === 'unknown' || standing.assessment.kind !== 'refused';
}

/** No further checks are possible. */
function stopped(source: SourceReference, checks: readonly Check[]): Explanation {
  const ingress = sourceName(sourceKey(source));
  const shared = checks.find(({ about }) => about === 'SecretOwnedByOther');
  const own = checks.find(isProblem);
  if (shared !== undefined) {
    const next =
      'It shares the certificate of the one that owns the Secret: run kube-lego explain for that one.';
    const { text: why, remedy } = own ?? { text: shared.text, remedy: undefined };
    const verdict = own === undefined ? 'good' : 'failing';
    return { ingress, verdict, why, next, ...(remedy === undefined ? {} : { remedy }), checks };
  }
  const problem = checks.find(isProblem) ?? checks.findLast(({ result }) => result === 'note');
  return {
    ingress,
    verdict: 'not-served',
    why: problem?.text ?? 'It requests no certificate.',
    next: `Nothing, until the ${source.kind} changes.`,
    ...(problem?.remedy === undefined ? {} : { remedy: problem.remedy }),
    checks,
  };
}

async function checkPaths(
  standings: readonly DesiredStanding[],
  config: CommandSettings,
  signal: AbortSignal,
): Promise<Check[]> {
  const bad = standings.filter((standing) => !isGood(standing));
  const routes = bad.flatMap(({ desired }) => desired.hosts);
  const reached = routes.filter(({ challenge }) => challenge !== 'dns-01');
  const hosts = [...new Set(reached.map(({ host }) => host))];
  return (await Promise.all(hosts.slice(0, mostHosts).map((host) => checkHost(host, config, signal)))).flat();
}
