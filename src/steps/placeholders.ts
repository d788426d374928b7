import pLimit from 'p-limit';
import { holdsPlaceholder } from '../../machines/assessment/secret-facts.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import { type SourceKey, sourceKey } from '../../machines/ownership/source-key.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { second } from '../../machines/time/durations.ts';
import { placeholderPair } from '../certificate/making/placeholder-pair.ts';
import { asAsked, KubernetesError } from '../kubernetes/client/kubernetes-error.ts';
import {
  placeholderAnnotation,
  type SecretStore,
  type StoredSecret,
} from '../kubernetes/records/secret-store.ts';
import { factsOf } from '../secret/secret-reading.ts';
import type { Clock } from '../time/clock.ts';
import { retry } from '../time/retry.ts';

export interface PlaceholdersOptions {
  readonly secrets: Pick<SecretStore, 'read' | 'write'>;
  readonly clock: Clock;
  /** Ends all background work. */
  readonly signal: AbortSignal;
  readonly onError: (
    error: unknown,
    secret: { readonly namespace: string; readonly secretName: string },
  ) => void;
}

const writesAtOnce = 8;
const pauses = { shortestPause: second, longestPause: 30 * second, mostTries: 20 };

/**
 * Self-signed certificates for listeners of Gateways: many implementations bring up no listener without its Secret, some none of the Gateway,
 * and then no challenge comes through. A placeholder is never counted as a certificate, and never written over one.
 */
export class Placeholders {
  readonly #options: PlaceholdersOptions;
  readonly #limit = pLimit(writesAtOnce);
  /** The Secrets that each source waited for when it was last seen. */
  readonly #seen = new Map<SourceKey, readonly string[]>();
  /** Secrets that a placeholder is being written for, `namespace/name`. */
  readonly #running = new Set<string>();

  constructor(options: PlaceholdersOptions) {
    this.#options = options;
  }

  /** Writes in the background those that listeners wait for. One that is deleted later is written by `fill`. */
  observe(event: SupervisorEvent): void {
    if (event.type === 'SOURCE_GONE') this.#seen.delete(event.key);
    if (event.type !== 'SOURCE_OBSERVED') return;
    const { enabled, certManager, namespace, awaited = [], tls } = event.source;
    const key = sourceKey(event.source);
    const seen = this.#seen.get(key);
    const wanted = enabled && !certManager ? awaited : [];
    if (wanted.length === 0) this.#seen.delete(key);
    else this.#seen.set(key, wanted);
    for (const secretName of wanted) {
      if (seen?.includes(secretName) === true) continue;
      const hosts = tls.filter((entry) => entry.secretName === secretName).flatMap((entry) => entry.hosts);
      void this.#write(namespace, secretName, hosts);
    }
  }

  /**
   * The Secret of a certificate, with a placeholder if a Gateway waits for it and it holds nothing.
   *
   * @param stored as read; undefined if there is none
   * @throws KubernetesError, or the signal's reason
   */
  async fill(
    { namespace, secretName, hosts }: DesiredCertificate,
    stored: StoredSecret | undefined,
    signal: AbortSignal,
  ): Promise<StoredSecret | undefined> {
    const isAwaited = hosts.some(({ gateways = [] }) => gateways.length > 0);
    if (!isAwaited || !needsPlaceholder(stored)) return stored;
    return this.#fill(
      namespace,
      secretName,
      hosts.map(({ host }) => host),
      stored,
      signal,
    );
  }

  async #write(namespace: string, secretName: string, hosts: readonly string[]): Promise<void> {
    const { clock, signal, onError, secrets } = this.#options;
    const key = `${namespace}/${secretName}`;
    if (this.#running.has(key)) return;
    this.#running.add(key);
    const work = async (): Promise<void> => {
      const stored = await secrets.read(namespace, secretName, signal);
      if (needsPlaceholder(stored)) await this.#fill(namespace, secretName, hosts, stored, signal);
    };
    try {
      // Who waits for the next try keeps nobody else from theirs.
      await retry(() => this.#limit(work), { clock, signal, ...pauses, pauseAfter });
    } catch (error) {
      if (!signal.aborted) onError(error, { namespace, secretName });
    } finally {
      this.#running.delete(key);
    }
  }

  async #fill(
    namespace: string,
    secretName: string,
    hosts: readonly string[],
    stored: StoredSecret | undefined,
    signal: AbortSignal,
  ): Promise<StoredSecret | undefined> {
    const { secrets, clock } = this.#options;
    const { fingerprint, ...pair } = await placeholderPair(hosts, clock.now());
    try {
      const annotations = { [placeholderAnnotation]: fingerprint };
      await secrets.write(namespace, secretName, stored, { ...pair, annotations }, signal);
    } catch (error) {
      // Somebody was faster.
      const isTaken = error instanceof KubernetesError && ['AlreadyExists', 'Conflict'].includes(error.code);
      if (!isTaken) throw error;
    }
    return secrets.read(namespace, secretName, signal);
  }
}

function pauseAfter(error: unknown, pause: number): number {
  if (!(error instanceof KubernetesError) || !error.transient) throw error;
  return asAsked(error, pause);
}

/** Only where there is no key pair at all: what cannot be read may be somebody's. */
function needsPlaceholder(stored: StoredSecret | undefined): boolean {
  const facts = factsOf(stored);
  if (facts.kind === 'absent') return true;
  const { type, immutable, deleting, certManager, certificate } = facts;
  const isEmpty = certificate.kind === 'empty' && !holdsPlaceholder(facts);
  return isEmpty && type === 'kubernetes.io/tls' && !immutable && deleting !== true && !certManager;
}
