import type {
  GrantReading,
  ParentCondition,
  ParentReference,
  ParentStatus,
  RouteReading,
} from '../../../machines/gateway/gateway-objects.ts';
import { challengePath } from '../../../machines/hosts/challenge-path.ts';
import { managedByLabel } from '../../kubernetes/records/managed-by.ts';
import { creationTime } from '../../kubernetes/watch/projections.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import {
  experimentalGroup,
  gatewayGroup,
  hostnameField,
  nameField,
  numberField,
  recordsIn,
  textField,
} from './bounded-fields.ts';
import { type Condition, conditionIn, isBeingDeleted, isTrueNow } from './conditions.ts';

/** As the CRDs have it. */
const mostHostnames = 16;
const mostParents = 32;
const mostRules = 16;
const mostMatches = 64;
const mostGrants = 16;

/** Projects an HTTPRoute; undefined for one that is being deleted, and for a challenge route of somebody else. */
export function projectRoute(object: unknown): RouteReading | undefined {
  const metadata = recordField(object, 'metadata');
  const [uid, namespace, name] = ['uid', 'namespace', 'name'].map((field) => nameField(metadata, field));
  if (uid === undefined || namespace === undefined || name === undefined) return undefined;
  if (isBeingDeleted(object)) return undefined;
  const ours =
    stringField(recordField(metadata, 'labels'), managedByLabel.key) === managedByLabel.value &&
    isChallengeOnly(object);
  if (!ours && isChallengeOnly(object)) return undefined;
  const spec = recordField(object, 'spec');
  const hostnames = arrayField(spec, 'hostnames').slice(0, mostHostnames);
  return {
    namespace,
    name,
    uid,
    createdAt: creationTime(metadata),
    generation: numberField(metadata, 'generation') ?? 0,
    hostnames: hostnames.flatMap((hostname) => hostnameField({ hostname }, 'hostname') ?? []),
    parentRefs: recordsIn(spec, 'parentRefs', mostParents).flatMap((one) => parentReference(one, namespace)),
    parents: recordsIn(recordField(object, 'status'), 'parents', mostParents).flatMap((one) =>
      parentStatus(one, namespace),
    ),
    ours,
  };
}

/** Projects a ReferenceGrant. */
export function projectGrant(object: unknown): GrantReading | undefined {
  const namespace = nameField(recordField(object, 'metadata'), 'namespace');
  if (namespace === undefined || isBeingDeleted(object)) return undefined;
  const spec = recordField(object, 'spec');
  return {
    namespace,
    from: recordsIn(spec, 'from', mostGrants).map((from) => ({
      group: textField(from, 'group') ?? '',
      kind: textField(from, 'kind') ?? '',
      namespace: nameField(from, 'namespace') ?? '',
    })),
    to: recordsIn(spec, 'to', mostGrants).map((to) => {
      const name = textField(to, 'name');
      return {
        group: textField(to, 'group') ?? '',
        kind: textField(to, 'kind') ?? '',
        ...(name === undefined || name === '' ? {} : { name }),
      };
    }),
  };
}

/** Like the solver routes of cert-manager: who only answers a host's ACME challenges does not route it. */
function isChallengeOnly(object: unknown): boolean {
  const rules = recordsIn(recordField(object, 'spec'), 'rules', mostRules);
  const matches = rules.map((rule) => recordsIn(rule, 'matches', mostMatches));
  return (
    matches.length > 0 &&
    matches.every(
      (some) =>
        some.length > 0 &&
        some.every((match) =>
          `${stringField(recordField(match, 'path'), 'value') ?? ''}/`.startsWith(challengePath),
        ),
    )
  );
}

function parentReference(reference: unknown, own: string): ParentReference[] {
  const group = textField(reference, 'group') ?? gatewayGroup;
  const kind = textField(reference, 'kind') ?? 'Gateway';
  const name = nameField(reference, 'name');
  const known =
    (group === gatewayGroup && (kind === 'Gateway' || kind === 'ListenerSet')) ||
    (group === experimentalGroup && kind === 'XListenerSet');
  if (name === undefined || !known) return [];
  const sectionName = nameField(reference, 'sectionName');
  const port = numberField(reference, 'port');
  return [
    {
      kind: kind === 'Gateway' ? 'Gateway' : 'ListenerSet',
      namespace: nameField(reference, 'namespace') ?? own,
      name,
      ...(sectionName === undefined ? {} : { sectionName }),
      ...(port === undefined ? {} : { port }),
    },
  ];
}

function parentStatus(status: unknown, own: string): ParentStatus[] {
  return parentReference(recordField(status, 'parentRef'), own).map((parentRef) => ({
    parentRef,
    controllerName: textField(status, 'controllerName') ?? '',
    accepted: parentCondition(conditionIn(status, 'Accepted')),
    resolvedRefs: parentCondition(conditionIn(status, 'ResolvedRefs')),
  }));
}

function parentCondition(condition: Condition | undefined): ParentCondition | undefined {
  return condition && { ...condition, status: isTrueNow(condition) };
}
