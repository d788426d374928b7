import type {
  GrantReading,
  ParentCondition,
  ParentReference,
  ParentStatus,
  RouteReading,
} from '../../../machines/gateway/gateway-objects.ts';
import { isSame } from '../../../machines/gateway/route-attachment.ts';
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

/**
 * Projects an HTTPRoute; undefined for one that is being deleted, that names no Gateway or ListenerSet, and for a challenge route of
 * somebody else.
 *
 * @param shared the same object for equal references
 */
export function projectRoute(
  object: unknown,
  shared = (reference: ParentReference): ParentReference => reference,
): RouteReading | undefined {
  const metadata = recordField(object, 'metadata');
  const [namespace, name] = ['namespace', 'name'].map((field) => nameField(metadata, field));
  if (namespace === undefined || name === undefined || isBeingDeleted(object)) return undefined;
  const ours =
    stringField(recordField(metadata, 'labels'), managedByLabel.key) === managedByLabel.value &&
    isChallengeOnly(object);
  if (!ours && isChallengeOnly(object)) return undefined;
  const spec = recordField(object, 'spec');
  const hostnames = arrayField(spec, 'hostnames')
    .slice(0, mostHostnames)
    .flatMap((hostname) => hostnameField({ hostname }, 'hostname') ?? []);
  const parentRefs = recordsIn(spec, 'parentRefs', mostParents)
    .flatMap((one) => parentReference(one, namespace))
    .map(shared);
  const said = recordsIn(recordField(object, 'status'), 'parents', mostParents);
  if (ours) {
    const parents = said.flatMap((one) => parentStatus(one, namespace, shared));
    const generation = numberField(metadata, 'generation') ?? 0;
    return { ours, namespace, name, generation, hostnames, parentRefs, parents };
  }
  const accepted = said
    .filter((one) => isTrueNow(conditionIn(one, 'Accepted')))
    .flatMap((one) => parentReference(recordField(one, 'parentRef'), namespace));
  if (parentRefs.length === 0) return undefined;
  const isAccepted = (reference: ParentReference): boolean =>
    accepted.some((other) => isSame(other, reference));
  return {
    ours,
    namespace,
    name,
    createdAt: creationTime(metadata),
    hostnames,
    attached: parentRefs.filter(isAccepted),
    unaccepted: parentRefs.filter((reference) => !isAccepted(reference)),
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

function parentStatus(
  status: unknown,
  own: string,
  shared: (reference: ParentReference) => ParentReference,
): ParentStatus[] {
  return parentReference(recordField(status, 'parentRef'), own).map((parentRef) => ({
    parentRef: shared(parentRef),
    accepted: parentCondition(conditionIn(status, 'Accepted')),
    resolvedRefs: parentCondition(conditionIn(status, 'ResolvedRefs')),
  }));
}

/** What a Gateway says where it accepts a route is read by nobody. */
function parentCondition(condition: Condition | undefined): ParentCondition | undefined {
  if (condition === undefined) return undefined;
  const { reason, message, observedGeneration } = condition;
  const status = isTrueNow(condition);
  return status
    ? { status, reason: '', message: '', observedGeneration }
    : { status, reason, message, observedGeneration };
}
