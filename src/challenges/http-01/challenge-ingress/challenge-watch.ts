import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import { second } from '../../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { ourSelector } from '../../../kubernetes/records/managed-by.ts';
import { Reflector, type ReflectorState } from '../../../kubernetes/watch/reflector.ts';
import type { Clock } from '../../../time/clock.ts';
import { type AnsweredHosts, type ChallengeAnswer, newestAnswer } from '../answered-hosts.ts';
import { NotedObjects } from '../noted-objects.ts';
import { Refresh } from '../refresh.ts';
import { type ChallengeTemplate, type ObservedChallenge, ruleHostOf } from './challenge-manifest.ts';
import { ChallengeObjects } from './challenge-objects.ts';

/** Who writes the challenge Ingresses, and so needs their state. */
export interface ChallengeObserver {
  observe(observed: ObservedChallenge): void;
  observeDeletion(last: Pick<ObservedChallenge, 'name' | 'uid'>): void;
  /** All that are there have been told. */
  onSynced(): void;
}

export interface ChallengeWatchOptions {
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly template: ChallengeTemplate;
  /** Errors that are retried. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * The challenge Ingresses as they are in the API server: which hosts the responder answers, and for which account key. Every replica
 * has it, and needs no more to answer the CA: no key, no Secret.
 */
export class ChallengeWatch implements AnsweredHosts {
  readonly #options: ChallengeWatchOptions;
  readonly #objects: ChallengeObjects;
  readonly #reflector: Reflector<ObservedChallenge>;
  readonly #refresh: Refresh;
  readonly #noted: NotedObjects<ObservedChallenge>;
  #observer: ChallengeObserver | undefined;

  constructor(options: ChallengeWatchOptions) {
    const { client, clock, onError, signal, template } = options;
    this.#options = options;
    this.#noted = new NotedObjects(clock);
    this.#objects = new ChallengeObjects(client, template, ({ name, uid }) => this.#knows(name, uid));
    this.#reflector = new Reflector<ObservedChallenge>({
      client,
      clock,
      signal,
      path: this.#objects.path,
      labelSelector: ourSelector,
      project: (object) => this.#objects.observe(object),
      onUpsert: (_, observed) => this.#observer?.observe(observed),
      onDelete: (_, last) => {
        this.noteDeletion(last.uid);
        this.#observer?.observeDeletion(last);
      },
      onSynced: () => this.#observer?.onSynced(),
      ...(onError === undefined ? {} : { onError }),
    });
    this.#refresh = new Refresh(clock, signal, second, () => this.#readAll());
  }

  start(): void {
    this.#reflector.start();
  }

  /** Resolves when the watch has ended after the abort of the signal. */
  stopped(): Promise<void> {
    return this.#reflector.stopped();
  }

  /** Until it is synced, no host is answered that was not asked for by `refresh`. */
  get state(): ReflectorState {
    return this.#reflector.state;
  }

  get objects(): Pick<ChallengeObjects, 'find' | 'removeLeftoverOf2016'> {
    return this.#objects;
  }

  /**
   * For which account key the challenges of this host (in any spelling) are answered; undefined for a host that no challenge Ingress
   * lists, or that the one which does has no rule for: what admission lets nobody route, nobody proves.
   */
  answerFor(host: string): ChallengeAnswer | undefined {
    const normal = normalizeHost(host);
    const listing = Array.from(this.#current()).filter(
      ({ hosts, ruleHosts }) => hosts.has(normal) && ruleHostOf(normal, ruleHosts) !== undefined,
    );
    return newestAnswer(listing);
  }

  /**
   * Lists the challenge Ingresses, for a responder whose watch may lag. At most one request per second, shared by all callers that
   * wait for it.
   * @throws KubernetesError
   */
  refresh(): Promise<void> {
    return this.#refresh.run();
  }

  /** Tells the observer, in place of an earlier one, what is known, and then each change until the signal is aborted. */
  follow(observer: ChallengeObserver, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#observer = observer;
    const leave = (): void => {
      if (this.#observer === observer) this.#observer = undefined;
    };
    signal.addEventListener('abort', leave, { once: true });
    for (const one of this.#current()) observer.observe(one);
    if (this.state.synced) observer.onSynced();
  }

  /** It was written or read apart from the watch. */
  note(observed: ObservedChallenge): void {
    this.#noted.note(this.#keyOf(observed.name), observed);
  }

  noteDeletion(uid: string): void {
    this.#noted.noteDeletion(uid);
  }

  /** Each object once, as of its newest known version. */
  #current(): Iterable<ObservedChallenge> {
    return this.#noted.newest(this.#reflector.entries(), this.state.watching);
  }

  #keyOf(name: string): string {
    return `${this.#options.template.namespace}/${name}`;
  }

  /** Whether this object was a challenge Ingress before, even if edited since. */
  #knows(name: string, uid: string): boolean {
    const key = this.#keyOf(name);
    return this.#reflector.get(key)?.uid === uid || this.#noted.get(key)?.uid === uid;
  }

  async #readAll(): Promise<void> {
    const all = await this.#objects.all(this.#options.signal);
    this.#noted.clear();
    for (const observed of all) {
      this.note(observed);
      this.#observer?.observe(observed);
    }
  }
}
