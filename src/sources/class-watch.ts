import type { Logger } from 'pino';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { collectionPath, ingressClasses } from '../kubernetes/client/collections.ts';
import { recordField, stringField } from '../process/json.ts';
import type { Clock } from '../time/clock.ts';
import { watchClusterScoped } from './cluster-scoped-watch.ts';

/** What is read of an IngressClass. */
export interface ObservedClass {
  readonly name: string;
  /** `spec.controller`; empty if there is none. */
  readonly controller: string;
}

/** @returns undefined for an object without a name */
export function projectClass(object: unknown): ObservedClass | undefined {
  const name = stringField(recordField(object, 'metadata'), 'name');
  if (name === undefined) return undefined;
  return { name, controller: stringField(recordField(object, 'spec'), 'controller') ?? '' };
}

export interface ClassWatch {
  /** What has been told so far, again, and whether that is all. */
  known(): Iterable<SupervisorEvent>;
  /** All are known, or they may not be read. */
  readonly read: boolean;
  /** Resolves when the watch has ended after the abort of the signal. */
  stopped(): Promise<void>;
}

/**
 * Reports the IngressClasses to the supervisor, until `signal` aborts. Where the API server denies them from the start, no ingress
 * controller is known; logged once, and tried on.
 */
export function watchClasses(
  client: Pick<KubernetesClient, 'stream'>,
  clock: Clock,
  signal: AbortSignal,
  log: Logger,
  tellSupervisor: (event: SupervisorEvent) => void,
): ClassWatch {
  const watch = watchClusterScoped<ObservedClass>({
    client,
    path: collectionPath(ingressClasses),
    plural: 'IngressClasses',
    clock,
    signal,
    log,
    project: projectClass,
    onUpsert: (_, one) => tellSupervisor(observed(one)),
    onDelete: (_, { name }) => tellSupervisor({ type: 'CLASS_GONE', name }),
    onRead: (denied) => tellSupervisor(read(denied)),
    onDenied: (error) => log.warn(error, denialMessage),
  });
  return {
    *known() {
      for (const [, one] of watch.reflector.entries()) yield observed(one);
      if (watch.read) yield read(watch.denied);
    },
    get read() {
      return watch.read;
    },
    stopped: () => watch.reflector.stopped(),
  };
}

function observed(one: ObservedClass): SupervisorEvent {
  return { type: 'CLASS_OBSERVED', ...one };
}

function read(denied: boolean): SupervisorEvent {
  return { type: 'CLASSES_READ', ...(denied && { denied }) };
}

const denialMessage =
  'IngressClasses cannot be listed, so it is not known which ingress controller serves a class: of Ingresses of the same second, that of the ' +
  'lower name counts as the first. Apply the ClusterRole kube-lego-cluster-scoped (deploy/base/cluster-scoped-role.yaml).';
