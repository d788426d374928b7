import type { Logger } from 'pino';
import { isForbidden } from '../kubernetes/client/kubernetes-error.ts';
import { logInterruption } from '../kubernetes/watch/interruption.ts';
import { Reflector, type ReflectorOptions } from '../kubernetes/watch/reflector.ts';
import { Denial } from './denial.ts';

export interface ClusterScopedOptions<T extends object>
  extends Omit<ReflectorOptions<T>, 'onSynced' | 'onError'> {
  /** Of the objects, for messages: `Namespaces`. */
  readonly plural: string;
  readonly log: Logger;
  /** All are known, or they may not be read. */
  readonly onRead: (denied: boolean) => void;
  readonly onDenied: (error: unknown) => void;
}

export interface ClusterScopedWatch<T extends object> {
  readonly reflector: Reflector<T>;
  /** They may not be read from the start. */
  readonly denied: boolean;
  /** All are known, or they may not be read. */
  readonly read: boolean;
}

/** Starts the watch of objects that kube-lego can do without: a denial from the start is logged once, and the list is tried on. */
export function watchClusterScoped<T extends object>({
  plural,
  log,
  onRead,
  onDenied,
  ...options
}: ClusterScopedOptions<T>): ClusterScopedWatch<T> {
  const denial = new Denial();
  const reflector = new Reflector<T>({
    ...options,
    onSynced() {
      if (denial.stands) log.info(`${plural} can be read now.`);
      denial.end();
      onRead(false);
    },
    onError(error) {
      if (!isForbidden(error)) logInterruption(log, plural, error);
      if (reflector.state.synced || !denial.beginsWith(error, options.clock.monotonic())) return;
      onDenied(error);
      onRead(true);
    },
  });
  reflector.start();
  return {
    reflector,
    get denied() {
      return denial.stands;
    },
    get read() {
      return denial.stands || reflector.state.synced;
    },
  };
}
