import type { InspectionEvent } from 'xstate';
import type { CertificateInput } from '../../../machines/ingress/certificate.ts';
import { certificateMachine } from '../../../machines/ingress/certificate.ts';
import { findingsOf } from '../../../machines/ingress/certificate-record.ts';
import { ingressMachine } from '../../../machines/ingress/ingress.ts';
import type { IngressContext } from '../../../machines/ingress/ingress-context.ts';
import { allHosts } from '../../../machines/ownership/desired-certificate.ts';
import { sourceName } from '../../../machines/ownership/source-key.ts';
import type { ObservedIngress } from '../../actors/ingress-actors.ts';
import { isRecord, recordField, stringField } from '../../process/json.ts';
import { sourceOfActor } from '../observation.ts';
import { certificateRowOf, errorOf } from '../views/rows.ts';

/** The version of @statelyai/inspect whose frames these are. */
const version = '0.7.2';

/** The shown part of an actor. */
interface InspectedActor {
  readonly id: string;
  readonly sessionId: string;
  readonly logic: unknown;
  getSnapshot(): unknown;
}

/** One JSON text of @statelyai/inspect. */
export type Frame = object;

/** Whether it is an Ingress or one of its certificates; others have no statechart. */
export function isShown(actor: object): actor is InspectedActor {
  const logic = 'logic' in actor && typeof actor.logic === 'object' ? actor.logic : null;
  return (
    logic !== null && 'id' in logic && (logic.id === ingressMachine.id || logic.id === certificateMachine.id)
  );
}

/** The supervisor, root of all others; it has no statechart. */
export function rootFrame(rootId: string, now: number): Frame {
  const definition = JSON.stringify({ id: 'supervisor' });
  return {
    ...base(rootId, now),
    type: '@xstate.actor',
    name: 'supervisor',
    sessionId: rootId,
    definition,
    snapshot: { status: 'active' },
  };
}

/** An Ingress, whether its actor is awake or asleep. */
export function ingressFrame(
  snapshot: ReturnType<ObservedIngress['getSnapshot']>,
  rootId: string,
  now: number,
): Frame {
  const { key } = snapshot.context;
  return {
    ...base(rootId, now),
    type: '@xstate.actor',
    name: key,
    sessionId: key,
    parentId: rootId,
    definition: definitionOf(ingressMachine),
    snapshot: sanitizedSnapshot(snapshot),
  };
}

export function actorFrame(actor: InspectedActor, rootId: string, now: number): Frame {
  return {
    ...base(rootId, now),
    type: '@xstate.actor',
    name: actor.id,
    sessionId: sessionOf(actor),
    parentId: parentOf(actor),
    definition: definitionOf(actor.logic),
    snapshot: sanitizedSnapshot(actor.getSnapshot()),
  };
}

/** @returns undefined if it is not shown */
export function statelyFrame(inspected: InspectionEvent, now: number): Frame | undefined {
  const { actorRef, rootId } = inspected;
  if (!isShown(actorRef)) return undefined;
  const sessionId = sessionOf(actorRef);
  switch (inspected.type) {
    case '@xstate.actor':
      return actorFrame(actorRef, rootId, now);
    case '@xstate.event': {
      const sourceId = inspected.sourceRef && sessionOf(inspected.sourceRef);
      const event = sanitizedEvent(inspected.event);
      return { ...base(rootId, now), type: inspected.type, sessionId, sourceId, event };
    }
    case '@xstate.snapshot': {
      const event = sanitizedEvent(inspected.event);
      const snapshot = sanitizedSnapshot(inspected.snapshot);
      return { ...base(rootId, now), type: inspected.type, sessionId, event, snapshot };
    }
    default:
      return undefined;
  }
}

function base(rootId: string, now: number) {
  return { id: null, rootId, createdAt: String(now), _version: version };
}

/** XState gives an Ingress another one each time that it is woken, which must not fill the list of a viewer. */
function sessionOf(actor: object): string | undefined {
  return sourceOfActor(actor) ?? ('sessionId' in actor ? String(actor.sessionId) : undefined);
}

function parentOf(actor: object): string | undefined {
  const parent = '_parent' in actor ? actor._parent : undefined;
  return isRecord(parent) ? sessionOf(parent) : undefined;
}

const definitions = new WeakMap<object, string>();

/** Cached, because all actors share the two machines; without functions. */
function definitionOf(logic: unknown): string {
  const config = recordField(logic, 'config');
  if (config === undefined) return '{}';
  const known = definitions.get(config) ?? JSON.stringify(config);
  definitions.set(config, known);
  return known;
}

/** Only the event's type and subject. */
function sanitizedEvent(event: unknown): Readonly<Record<string, unknown>> {
  const type = stringField(event, 'type') ?? '';
  const outcome = recordField(event, 'outcome');
  const known = {
    secretName: stringField(event, 'secretName'),
    phase: stringField(event, 'phase'),
    outcome: stringField(outcome, 'kind'),
    reason: stringField(recordField(outcome, 'failure'), 'code'),
    at: isRecord(event) && typeof event['at'] === 'number' ? event['at'] : undefined,
  };
  return { type, ...known };
}

function sanitizedSnapshot(snapshot: unknown): object {
  const status = stringField(snapshot, 'status') ?? 'active';
  const value = isRecord(snapshot) ? snapshot['value'] : undefined;
  const context = recordField(snapshot, 'context');
  return {
    status,
    value,
    context: context === undefined ? {} : sanitizedContext(context),
    tags: [],
    children: {},
  };
}

function sanitizedContext(context: Record<string, unknown>): object {
  if (isIngress(context)) {
    const { key, uid, since, nextCheckAt, certificates } = context;
    return {
      ingress: sourceName(key),
      uid,
      since,
      nextCheckAt,
      certificates: certificates.map((record) => ({
        ...certificateRowOf(record),
        hosts: allHosts(record.desired),
        reason: errorOf(findingsOf(record))?.code,
      })),
    };
  }
  if (!isCertificate(context)) return {};
  const { id, ingress, desired, hosts, reason, harmAt, exemption } = context;
  return {
    id,
    ingress,
    secret: desired.secretName,
    hosts: hosts.map(({ host }) => host),
    reason,
    harmAt,
    exemption,
  };
}

function isIngress(context: object): context is IngressContext {
  return 'key' in context && 'certificates' in context;
}

function isCertificate(context: object): context is CertificateInput {
  return 'desired' in context && 'hosts' in context;
}
