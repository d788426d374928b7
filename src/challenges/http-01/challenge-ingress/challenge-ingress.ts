// The challenge Ingresses: which host is in which object, who holds it, and their watch. Used by the HTTP-01 solver.

import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import type { IngressClassReference } from '../../../../machines/ownership/source-spec.ts';
import { minute, second } from '../../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { ourSelector } from '../../../kubernetes/records/managed-by.ts';
import { Reflector, type ReflectorState } from '../../../kubernetes/watch/reflector.ts';
import type { Clock } from '../../../time/clock.ts';
import { retry } from '../../../time/retry.ts';
import type { ChallengeTemplate, ObservedChallenge } from './challenge-manifest.ts';
import { ChallengeObjects } from './challenge-objects.ts';
import { type ChallengeHost, placeHost } from './challenge-placement.ts';
import { ChallengeWriter } from './challenge-writer.ts';
import { Refresh } from './refresh.ts';

export interface ChallengeIngressOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  /** Ends everything; the objects stay, for the next process to adopt or remove. */
  readonly signal: AbortSignal;
  /** Namespace of the challenge Ingresses and the responder's Service: the controller's own. */
  readonly namespace: string;
  readonly serviceName: string;
  readonly servicePort: number;
  /** Default `kube-lego`; further classes get `kube-lego-CLASS`. */
  readonly ingressName?: string;
  /** Added to the fixed ones; these win. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Default `ImplementationSpecific` for every class. */
  readonly pathType?: ChallengeTemplate['pathType'];
  /** Milliseconds between two writes of one Ingress, default 1,000. */
  readonly minWriteInterval?: number;
  /** Milliseconds before a released host is removed, if no other write removes it earlier, default 10,000. */
  readonly removalDelay?: number;
  /** Rules per Ingress, default 250. */
  readonly maxRules?: number;
  /** Names of the leftover Ingress of the kube-lego of 2016 (`LEGO_INGRESS_NAME_NGINX`), default `kube-lego-nginx`. */
  readonly leftoverNames?: readonly string[];
  /** Errors that are retried. */
  readonly onError?: (error: unknown) => void;
}

/** The API server or an admission policy refuses a challenge Ingress with this host. */
export class RuleRefusedError extends Error {
  override readonly name = 'RuleRefusedError';
  readonly code = 'RuleRefused';
  readonly host: string;

  constructor(host: string, cause: Error) {
    super(`The challenge Ingress may not carry a rule for ${host}: ${cause.message}`, { cause });
    this.host = host;
  }
}

interface Held {
  readonly host: string;
  readonly ingressClass: IngressClassReference;
  writer: ChallengeWriter;
}

interface Claim {
  readonly owner: string;
  readonly held: Held[];
  settled: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The Ingresses that route `/.well-known/acme-challenge/` of the hosts being validated to our responder.
 * Needs the verbs list, watch, create, update and delete on Ingresses in its namespace.
 *
 * @example
 * await challenges.acquire('shop/web', [{ host: 'shop.example', ingressClass: { form: 'field', name: 'nginx' } }], signal);
 * // … the CA asks …
 * challenges.release('shop/web');
 */
export class ChallengeIngresses {
  readonly #options: ChallengeIngressOptions;
  readonly #template: ChallengeTemplate;
  readonly #writers = new Map<string, ChallengeWriter>();
  readonly #claims = new Map<string, Claim>();
  readonly #foreignNames = new Set<string>();
  readonly #objects: ChallengeObjects;
  readonly #reflector: Reflector<ObservedChallenge>;
  readonly #refresh: Refresh;
  #removingLeftovers = false;

  constructor(options: ChallengeIngressOptions) {
    this.#options = options;
    this.#template = {
      namespace: options.namespace,
      serviceName: options.serviceName,
      servicePort: options.servicePort,
      annotations: options.annotations ?? {},
      pathType: options.pathType ?? (() => 'ImplementationSpecific'),
    };
    this.#objects = new ChallengeObjects(
      options.client,
      this.#template,
      ({ name, uid }) => this.#writers.get(name)?.uid === uid,
    );
    this.#reflector = new Reflector<ObservedChallenge>({
      client: options.client,
      clock: options.clock,
      signal: options.signal,
      path: this.#objects.path,
      labelSelector: ourSelector,
      project: (object) => this.#objects.observe(object),
      onUpsert: (_, observed) => this.#observe(observed),
      onDelete: (_, { name, uid }) => this.#writers.get(name)?.observeDeletion(uid),
      onSynced: () => this.#removeLeftovers(),
      ...(options.onError === undefined ? {} : { onError: options.onError }),
    });
    this.#refresh = new Refresh(options.clock, options.signal, second, () => this.#readAll());
  }

  /** The first list is complete; from then on `has` is at worst stale. */
  get synced(): boolean {
    return this.#reflector.state.synced;
  }

  get state(): ReflectorState {
    return this.#reflector.state;
  }

  /**
   * Starts the watch and the reconciliation. Hosts of an earlier process are removed after `removalDelay`, unless they are acquired
   * before; so is the Ingress of the kube-lego of 2016.
   */
  start(): void {
    this.#reflector.start();
  }

  /**
   * Resolves when the API server has a rule for each host; the owner then holds these hosts, in place of its earlier ones, until
   * `release`. A host with several owners stays until the last of them releases it.
   * @param owner any id of the owner, e.g. namespace/secret
   * @throws RuleRefusedError if one of these hosts is refused; KubernetesError if writing fails repeatedly; the
   *   signal's reason. The owner then holds nothing.
   */
  acquire(owner: string, hosts: readonly ChallengeHost[], signal: AbortSignal): Promise<void> {
    const former = this.#claims.get(owner);
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => this.#fail(claim, signal.reason);
      const done = (): void => signal.removeEventListener('abort', abort);
      const claim: Claim = {
        owner,
        held: [],
        settled: false,
        resolve: () => {
          done();
          resolve();
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      const bad = hosts.find(({ host }) => normalizeHost(host) === '');
      if (bad !== undefined) {
        reject(new RuleRefusedError(bad.host, new TypeError('a rule without host would catch every host')));
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      this.#claims.set(owner, claim);
      for (const { host, ingressClass } of hosts) this.#place(claim, normalizeHost(host), ingressClass);
      if (former !== undefined) this.#drop(former, new Error(`${owner} acquired again`));
      this.#settleClaims();
    });
  }

  /** Releases all hosts of this owner; the rules are removed by the next write, or after `removalDelay`. */
  release(owner: string): void {
    const claim = this.#claims.get(owner);
    if (claim === undefined) return;
    this.#claims.delete(owner);
    this.#drop(claim, new Error(`${owner} released its hosts`));
  }

  /** Whether a challenge Ingress has a rule for this host (in any spelling). */
  has(host: string): boolean {
    const normal = normalizeHost(host);
    return this.#writers.values().some((writer) => writer.has(normal));
  }

  /**
   * Lists the challenge Ingresses, for a responder whose watch may lag. At most one request per second, shared by all callers that
   * wait for it.
   * @throws KubernetesError
   */
  refresh(): Promise<void> {
    return this.#refresh.run();
  }

  /** Removes all rules at once, at the shutdown; call it before the signal of the options is aborted. */
  async removeAll(signal: AbortSignal): Promise<void> {
    for (const owner of this.#claims.keys()) this.release(owner);
    await Promise.all(this.#writers.values().map((writer) => writer.flush(signal)));
  }

  #place(claim: Claim, host: string, ingressClass: IngressClassReference): void {
    const { ingressName: baseName = 'kube-lego', maxRules = 250 } = this.#options;
    const placement = { baseName, maxRules, foreignNames: this.#foreignNames };
    const writer = this.#writer(placeHost(this.#writers.values(), { host, ingressClass }, placement));
    claim.held.push({ host, ingressClass, writer });
    writer.hold(host, ingressClass);
  }

  #drop(claim: Claim, reason: Error): void {
    if (!claim.settled) {
      claim.settled = true;
      claim.reject(reason);
    }
    for (const { host, writer } of claim.held) {
      const heldByOther = this.#claims
        .values()
        .some(
          (other) =>
            other !== claim && other.held.some((held) => held.writer === writer && held.host === host),
        );
      if (!heldByOther) writer.release(host);
    }
  }

  #fail(claim: Claim, error: unknown): void {
    if (claim.settled) return;
    claim.settled = true;
    if (this.#claims.get(claim.owner) === claim) this.#claims.delete(claim.owner);
    claim.reject(error);
    this.#drop(claim, new Error('failed'));
  }

  #settleClaims(): void {
    for (const claim of this.#claims.values()) {
      if (claim.settled || !claim.held.every(({ host, writer }) => writer.has(host))) continue;
      claim.settled = true;
      claim.resolve();
    }
  }

  #writer(name: string): ChallengeWriter {
    const existing = this.#writers.get(name);
    if (existing !== undefined) return existing;
    const { client, clock, signal, minWriteInterval = second, removalDelay = 10 * second } = this.#options;
    const onError = (error: unknown): void => this.#options.onError?.(error);
    const writer = new ChallengeWriter({
      name,
      template: this.#template,
      client,
      clock,
      signal,
      minWriteInterval,
      removalDelay,
      find: (signal) => this.#objects.find(name, signal),
      onChange: () => this.#settleClaims(),
      onRefused: (host, cause) => {
        for (const claim of this.#claimsOn(writer, host))
          this.#fail(claim, new RuleRefusedError(host, cause));
      },
      onForeign: () => this.#moveAway(writer),
      onFailure: (cause) => {
        for (const claim of this.#claimsOn(writer)) this.#fail(claim, cause);
      },
      onError,
    });
    this.#writers.set(name, writer);
    return writer;
  }

  #claimsOn(writer: ChallengeWriter, host?: string): Claim[] {
    return [...this.#claims.values()].filter((claim) =>
      claim.held.some((held) => held.writer === writer && (host === undefined || held.host === host)),
    );
  }

  #moveAway(writer: ChallengeWriter): void {
    this.#foreignNames.add(writer.name);
    this.#writers.delete(writer.name);
    for (const claim of this.#claimsOn(writer)) {
      for (const { host, ingressClass } of claim.held.splice(0)) {
        writer.release(host);
        this.#place(claim, host, ingressClass);
      }
    }
  }

  #observe(observed: ObservedChallenge): void {
    this.#foreignNames.delete(observed.name);
    this.#writer(observed.name).observe(observed);
  }

  #removeLeftovers(): void {
    const { leftoverNames = ['kube-lego-nginx'], clock, signal, onError } = this.#options;
    if (this.#removingLeftovers) return;
    this.#removingLeftovers = true;
    const remove = async (): Promise<void> => {
      for (const name of leftoverNames) await this.#objects.removeLeftoverOf2016(name, signal);
    };
    const pauses = { shortestPause: second, longestPause: 5 * minute };
    const onFailure = (error: unknown): void => onError?.(error);
    // Rejects only when the process ends.
    retry(remove, { clock, signal, ...pauses, onFailure }).catch(() => undefined);
  }

  async #readAll(): Promise<void> {
    for (const observed of await this.#objects.all(this.#options.signal)) this.#observe(observed);
  }
}
