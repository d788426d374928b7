/**
 * What happens after a failure.
 *
 * - `attempt`: a certificate's own failure; its back-off ladder decides (1 min, 10 min, 100 min, daily).
 * - `check`: found before the CA is asked to validate anything, which costs it nothing: it is repeated every minute at first, see
 *   `checkPause`.
 * - `transient`: nobody's failure (API server or CA unreachable, CA busy); retried within minutes.
 * - `notice`: nothing has failed, but people should know.
 * - `terminal`: nothing is tried until the source or the Secret changes; checked every check interval.
 */
export type FailureKind = 'attempt' | 'check' | 'transient' | 'terminal' | 'notice';

export interface Reason {
  /** The object to check; `source`: the Ingress, Gateway or ListenerSet. */
  readonly about: 'source' | 'Ingress' | 'Gateway' | 'Secret' | 'challenge' | 'CA' | 'cluster';
  /** One sentence that fits every occurrence. */
  readonly meaning: string;
  readonly kind: FailureKind;
  /** What the user can do. */
  readonly remedy: string;
}
