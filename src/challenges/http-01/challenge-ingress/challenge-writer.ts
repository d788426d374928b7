import type { V1Ingress } from '@kubernetes/client-node';
import type { IngressClassReference } from '../../../../machines/ownership/source-spec.ts';
import { second } from '../../../../machines/time/durations.ts';
import { doubledPause } from '../../../../machines/time/ladder.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { KubernetesError, unless } from '../../../kubernetes/client/kubernetes-error.ts';
import { fieldManager } from '../../../kubernetes/records/managed-by.ts';
import type { Clock } from '../../../time/clock.ts';
import {
  type ChallengeTemplate,
  challengeManifest,
  isOlder,
  type ObservedChallenge,
  observeChallenge,
} from './challenge-manifest.ts';
import type { Place } from './challenge-placement.ts';
import { findRefusedHosts } from './refused-hosts.ts';

export interface ChallengeWriterOptions {
  readonly name: string;
  readonly template: ChallengeTemplate;
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds between two writes, because each may reload the ingress controller. */
  readonly minWriteInterval: number;
  /** Milliseconds before a released host is removed, if no other write removes it earlier. */
  readonly removalDelay: number;
  /** Reads the object of this name; `mine` is undefined for a foreign one. */
  readonly find: (
    signal: AbortSignal,
  ) => Promise<{ readonly exists: boolean; readonly mine: ObservedChallenge | undefined }>;
  /** The object in the API server has changed. */
  readonly onChange: () => void;
  readonly onRefused: (host: string, cause: Error) => void;
  /** A foreign object has this name: its hosts must be placed elsewhere. */
  readonly onForeign: () => void;
  /** Several writes failed for another reason than a refused host. */
  readonly onFailure: (cause: KubernetesError) => void;
  readonly onError: (error: unknown) => void;
}

interface Deleted {
  readonly uid: string;
  /** The last version before our delete, as a finalizer may delay it; undefined after the watch's DELETED. */
  readonly resourceVersion?: string;
}

const longestBackoff = 30 * second;
const failuresUntilReported = 4;
/** Errors about the object; all others are about the API server. */
const refusals: readonly string[] = ['Invalid', 'Forbidden', 'BadRequest'];

/**
 * Reconciles one challenge Ingress: compares the held hosts with the object whenever either changes, and writes the difference.
 * Level-triggered: a foreign edit or delete is repaired.
 */
export class ChallengeWriter implements Place {
  readonly name: string;
  readonly #options: ChallengeWriterOptions;
  readonly #held = new Set<string>();
  #ingressClass: IngressClassReference | undefined;
  #known: ObservedChallenge | undefined;
  /** The last deleted object: late events of it are ignored. */
  #deleted: Deleted | undefined;
  /** The API server's result of our last write; webhooks and defaults may change it. */
  #written: string | undefined;
  #lastWriteAt = Number.NEGATIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;
  #removableSince: number | undefined;
  #failures = 0;
  #writing: Promise<void> | undefined;
  #timer: unknown;

  constructor(options: ChallengeWriterOptions) {
    this.name = options.name;
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#disarm(), { once: true });
  }

  /** The class of its hosts; undefined if it is empty and free for any class. */
  get ingressClass(): IngressClassReference | undefined {
    return this.#ingressClass;
  }

  /** Uid of the last known object. */
  get uid(): string | undefined {
    return this.#known?.uid;
  }

  /** Hosts that are held or still in the object. */
  get hosts(): ReadonlySet<string> {
    return this.#known === undefined ? this.#held : new Set([...this.#held, ...this.#known.hosts]);
  }

  /** Whether the last known object has a rule for this host. */
  has(host: string): boolean {
    return this.#known?.hosts.has(host) === true;
  }

  hold(host: string, ingressClass: IngressClassReference): void {
    this.#ingressClass ??= ingressClass;
    this.#held.add(host);
    this.#settle();
  }

  release(host: string): void {
    if (this.#held.delete(host)) this.#settle();
  }

  /** A new state of the object, from the watch, a list or an answer; undefined if it is deleted. */
  observe(observed: ObservedChallenge | undefined): void {
    const known = this.#known;
    if (observed !== undefined && this.#isGone(observed)) return;
    if (observed !== undefined && known !== undefined) {
      if (observed.uid === known.uid && observed.resourceVersion === known.resourceVersion) return;
      if (isOlder(observed.resourceVersion, known.resourceVersion)) return;
    }
    this.#known = observed;
    if (observed !== undefined) this.#ingressClass ??= observed.ingressClass;
    this.#options.onChange();
    this.#settle();
  }

  /** The watch reports that this uid is deleted; older incarnations are ignored. */
  observeDeletion(uid: string): void {
    this.#deleted = { uid };
    if (this.#known !== undefined && this.#known.uid === uid) this.observe(undefined);
  }

  /** Writes pending changes now; for the shutdown. */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#writing;
    this.#disarm();
    if (this.#isUrgent() || this.#hasRemovable()) await this.#put(signal);
  }

  #settle(): void {
    const { clock, signal, minWriteInterval, removalDelay } = this.#options;
    if (this.#writing !== undefined) return;
    this.#disarm();
    const removable = this.#hasRemovable();
    this.#removableSince = removable ? (this.#removableSince ?? clock.now()) : undefined;
    if (signal.aborted) return;
    if (this.#held.size === 0 && this.#known === undefined) this.#ingressClass = undefined;
    if (!this.#isUrgent() && this.#removableSince === undefined) return;
    const due = this.#isUrgent() ? clock.now() : (this.#removableSince ?? clock.now()) + removalDelay;
    const at = Math.max(due, this.#lastWriteAt + minWriteInterval, this.#notBefore);
    this.#timer = clock.setTimeout(() => {
      this.#writing = this.#write();
    }, at - clock.now());
  }

  /** A rule is missing, or the object differs from our last write. */
  #isUrgent(): boolean {
    if (this.#held.size === 0) return false;
    const known = this.#known;
    if (known === undefined || known.fingerprint !== this.#written) return true;
    return [...this.#held].some((host) => !known.hosts.has(host));
  }

  #hasRemovable(): boolean {
    if (this.#known === undefined) return false;
    return this.#held.size === 0 || [...this.#known.hosts].some((host) => !this.#held.has(host));
  }

  async #write(): Promise<void> {
    const { signal } = this.#options;
    try {
      await this.#put(signal);
      this.#failures = 0;
    } catch (error) {
      if (!signal.aborted) await this.#recover(error).catch((second: unknown) => this.#postpone(second));
    }
    this.#writing = undefined;
    this.#options.onChange();
    this.#settle();
  }

  async #put(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const hosts = [...this.#held].toSorted();
    const known = this.#known;
    this.#lastWriteAt = clock.now();
    try {
      if (hosts.length > 0) this.#accept(await this.#send(hosts, signal));
      else if (known !== undefined) {
        await this.#delete(known, signal);
        this.#deleted = { uid: known.uid, resourceVersion: known.resourceVersion };
        this.#known = undefined;
      }
    } finally {
      this.#lastWriteAt = clock.now();
    }
  }

  #accept(answer: V1Ingress): void {
    const observed = observeChallenge(answer, this.#options.template);
    this.#written = observed.fingerprint;
    // The watch may have reported a later version before this answer arrived.
    this.observe(observed);
  }

  #isGone({ uid, resourceVersion }: ObservedChallenge): boolean {
    const deleted = this.#deleted;
    if (deleted === undefined || deleted.uid !== uid) return false;
    return deleted.resourceVersion === undefined || !isOlder(deleted.resourceVersion, resourceVersion);
  }

  #send(hosts: readonly string[], signal: AbortSignal, dryRun?: 'All'): Promise<V1Ingress> {
    const { template, client, name } = this.#options;
    const ingressClass = this.#ingressClass ?? { form: 'none' };
    const body = challengeManifest(template, name, ingressClass, hosts, this.#known);
    const parameters = {
      namespace: template.namespace,
      body,
      fieldManager,
      ...(dryRun === undefined ? {} : { dryRun }),
    };
    return client.call(signal, ({ networking }) =>
      this.#known === undefined
        ? networking.createNamespacedIngress(parameters)
        : networking.replaceNamespacedIngress({ ...parameters, name }),
    );
  }

  async #delete(known: ObservedChallenge, signal: AbortSignal): Promise<void> {
    const { template, client, name } = this.#options;
    const preconditions = { uid: known.uid, resourceVersion: known.resourceVersion };
    await unless('NotFound', () =>
      client.call(signal, ({ networking }) =>
        networking.deleteNamespacedIngress({ namespace: template.namespace, name, body: { preconditions } }),
      ),
    );
  }

  async #recover(error: unknown): Promise<void> {
    if (!(error instanceof KubernetesError)) throw error;
    const hosts = [...this.#held].toSorted();
    if (refusals.includes(error.code) && hosts.length > 0) {
      await this.#refuse(hosts, error);
    } else if (['Conflict', 'AlreadyExists', 'NotFound'].includes(error.code)) {
      const { exists, mine } = await this.#options.find(this.#options.signal);
      this.#known = mine === undefined || this.#isGone(mine) ? undefined : mine;
      if (exists && mine === undefined) this.#options.onForeign();
      else this.#postpone(error);
    } else {
      this.#postpone(error);
    }
  }

  async #refuse(hosts: readonly string[], refusal: KubernetesError): Promise<void> {
    const tryOut = async (subset: readonly string[]): Promise<Error | undefined> => {
      try {
        await this.#send(subset, this.#options.signal, 'All');
        return undefined;
      } catch (error) {
        if (error instanceof KubernetesError && refusals.includes(error.code)) return error;
        throw error;
      }
    };
    // RBAC does not depend on hosts: no need to try each.
    const refused = / cannot (create|update) resource /.test(refusal.message)
      ? new Map(hosts.map((host) => [host, refusal]))
      : await findRefusedHosts(hosts, refusal, tryOut);
    // Nothing was written: the other hosts need not wait.
    this.#lastWriteAt = Number.NEGATIVE_INFINITY;
    for (const [host, cause] of refused) {
      this.#held.delete(host);
      this.#options.onRefused(host, cause);
    }
  }

  #postpone(error: unknown): void {
    const { clock, minWriteInterval, onError, onFailure } = this.#options;
    this.#failures++;
    const known = error instanceof KubernetesError ? error : undefined;
    const backoff = doubledPause(minWriteInterval, longestBackoff, this.#failures);
    this.#notBefore = clock.now() + Math.max(backoff, known?.retryAfter ?? 0);
    onError(error);
    if (known !== undefined && this.#failures % failuresUntilReported === 0) onFailure(known);
  }

  #disarm(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
