import type { KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { Reflector } from '../../../src/kubernetes/watch/reflector.ts';
import type { Clock } from '../../../src/time/clock.ts';
import { type Change, projectClass, projectIngress, projectSecret, projectService } from './objects.ts';

export interface SourceOptions {
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly change: (change: Change) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Follows the four kinds of objects that an ingress controller knows. Resolves once each has been listed.
 */
export async function followObjects(options: SourceOptions): Promise<void> {
  const { client, clock, signal, onError } = options;
  const follow = <T extends object>(
    source: { readonly path: string; readonly fieldSelector?: string },
    project: (object: unknown) => T,
    changeOf: (key: string, object: T | undefined) => Change,
  ): Promise<void> => {
    const hand = (key: string, object: T | undefined): void => {
      options.change(changeOf(key, object));
    };
    return new Promise((resolve) => {
      new Reflector<T>({
        ...source,
        client,
        clock,
        signal,
        project,
        onUpsert: hand,
        onDelete: (key) => {
          hand(key, undefined);
        },
        onSynced: resolve,
        onError,
      }).start();
    });
  };
  const networking = '/apis/networking.k8s.io/v1';
  await Promise.all([
    follow({ path: `${networking}/ingresses` }, projectIngress, (key, object) => ({
      kind: 'ingress',
      key,
      object,
    })),
    follow({ path: `${networking}/ingressclasses` }, projectClass, (key, object) => ({
      kind: 'class',
      key,
      object,
    })),
    follow({ path: '/api/v1/services' }, projectService, (key, object) => ({ kind: 'service', key, object })),
    // No other type: F5 NGINX takes none either, and most Secrets of a cluster are nobody's certificates.
    follow(
      { path: '/api/v1/secrets', fieldSelector: 'type=kubernetes.io/tls' },
      projectSecret,
      (key, object) => ({ kind: 'secret', key, object }),
    ),
  ]);
}
