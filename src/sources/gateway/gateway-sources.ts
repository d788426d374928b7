import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ChallengePlace } from '../../../machines/gateway/challenge-routes.ts';
import type { GatewayReading, SiteRoute } from '../../../machines/gateway/gateway-objects.ts';
import { gatewaySource } from '../../../machines/gateway/gateway-source.ts';
import { SettledAttachments } from '../../../machines/gateway/settled-attachments.ts';
import { isEqual } from '../../../machines/ownership/equality.ts';
import { type SourceKey, sourceKey } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import type { SupervisorEvent } from '../../../machines/supervisor/supervisor-messages.ts';
import type { Clock } from '../../time/clock.ts';
import { Turns } from '../../time/turns.ts';
import type { SourceWatch } from '../source-watch.ts';
import type { GatewayChange, GatewayWatch } from './gateway-watch.ts';

export interface GatewaySourcesOptions {
  readonly watch: Pick<
    GatewayWatch,
    'follow' | 'grants' | 'namespaceLabels' | 'read' | 'statesOf' | 'stopped' | 'watching'
  >;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** By the record of holders, as far as this process knows it: whether that namespace was issued a certificate for this host. */
  readonly isHeldBy: ChallengePlace['isHeldBy'];
  readonly tellSupervisor: (event: SupervisorEvent) => void;
}

/**
 * The Gateways and ListenerSets as sources: what one of them asks for follows from itself, the routes attached to it, ReferenceGrants and
 * the labels of Namespaces, and is worked out anew when one of these has changed. Nothing is told before all have been read.
 */
export class GatewaySources implements SourceWatch {
  readonly #options: GatewaySourcesOptions;
  readonly #readings = new Map<SourceKey, GatewayReading>();
  readonly #sources = new Map<SourceKey, SourceSpec>();
  readonly #attachments = new SettledAttachments();
  /** Routes, `namespace/name`, by the Gateway or ListenerSet that they are attached to. */
  readonly #attached = new Map<SourceKey, Set<string>>();
  readonly #changed = new Set<SourceKey>();
  #working: Promise<void> | undefined;
  #timer: unknown;
  #synced = false;

  constructor(options: GatewaySourcesOptions) {
    this.#options = options;
    options.watch.follow((change) => this.#take(change));
    options.signal.addEventListener('abort', () => options.clock.clearTimeout(this.#timer), { once: true });
  }

  *known(): Iterable<SupervisorEvent> {
    for (const source of this.#sources.values()) yield { type: 'SOURCE_OBSERVED', source };
    if (this.#synced) yield { type: 'SYNCED' };
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** Works all out anew: the record of holders has been read. */
  recheck(): void {
    for (const key of this.#readings.keys()) this.#changed.add(key);
    this.#work();
  }

  watching(signal: AbortSignal): Promise<unknown> {
    return this.#options.watch.watching(signal);
  }

  find(key: SourceKey): SourceSpec | undefined {
    return this.#sources.get(key);
  }

  statesOf(kind: string): ReturnType<SourceWatch['statesOf']> {
    return kind === 'Gateway' || kind === 'ListenerSet' ? this.#options.watch.statesOf(kind) : [];
  }

  async stopped(): Promise<void> {
    await this.#options.watch.stopped();
    await this.#working;
  }

  #take(change: GatewayChange): void {
    switch (change.of) {
      case 'gateway': {
        const key = sourceKey(change.reading);
        if (change.gone === true) this.#readings.delete(key);
        else this.#readings.set(key, change.reading);
        this.#changed.add(key);
        break;
      }
      case 'route': {
        const { reading, gone } = change;
        const route = `${reading.namespace}/${reading.name}`;
        const attachment = gone === true || reading.ours ? undefined : attachmentOf(reading);
        const before = this.#attachments.get(route);
        if (this.#attachments.put(route, attachment, this.#options.clock.monotonic())) {
          this.#moved(route, before, attachment);
        }
        this.#awaitSettling();
        break;
      }
      case 'grants':
      case 'namespaces':
        this.recheck();
        break;
      case 'reading':
        break;
      default:
        change satisfies never;
    }
    this.#work();
  }

  #moved(route: string, before: SiteRoute | undefined, after: SiteRoute | undefined): void {
    for (const key of parentsOf(before)) {
      this.#attached.get(key)?.delete(route);
      this.#changed.add(key);
    }
    for (const key of parentsOf(after)) {
      const routes = this.#attached.get(key) ?? new Set();
      this.#attached.set(key, routes.add(route));
      this.#changed.add(key);
    }
    for (const key of parentsOf(before)) if (this.#attached.get(key)?.size === 0) this.#attached.delete(key);
  }

  #awaitSettling(): void {
    const { clock, signal } = this.#options;
    clock.clearTimeout(this.#timer);
    const at = this.#attachments.next();
    if (at === undefined || signal.aborted) return;
    this.#timer = clock.setTimeout(() => {
      for (const { route, before } of this.#attachments.settle(clock.monotonic())) {
        this.#moved(route, before, this.#attachments.get(route));
      }
      this.#awaitSettling();
      this.#work();
    }, at - clock.monotonic());
  }

  /** In a later turn: thousands of routes of one Gateway come at once. */
  #work(): void {
    // Names of routes that are not known yet would be missing.
    if (!this.#options.watch.read) return;
    this.#working ??= this.#tellChanges().finally(() => {
      this.#working = undefined;
      if (this.#changed.size > 0 && !this.#options.signal.aborted) this.#work();
    });
  }

  async #tellChanges(): Promise<void> {
    await nextTurn();
    const { signal, tellSupervisor, watch } = this.#options;
    const turns = new Turns();
    for (const key of this.#changed) {
      // A kind that is served from now on has to be read first.
      if (signal.aborted || !watch.read) return;
      this.#changed.delete(key);
      this.#tell(key);
      if (turns.isOver) await turns.next();
    }
    if (this.#synced || !watch.read) return;
    this.#synced = true;
    tellSupervisor({ type: 'SYNCED' });
  }

  #tell(key: SourceKey): void {
    const { tellSupervisor } = this.#options;
    const known = this.#sources.get(key);
    const reading = this.#readings.get(key);
    if (reading === undefined) {
      if (this.#sources.delete(key)) tellSupervisor({ type: 'SOURCE_GONE', key });
      return;
    }
    const source = this.#specOf(key, reading);
    if (isEqual(known, source)) return;
    this.#sources.set(key, source);
    tellSupervisor({ type: 'SOURCE_OBSERVED', source });
  }

  #specOf(key: SourceKey, reading: GatewayReading): SourceSpec {
    const { isHeldBy, watch } = this.#options;
    const routes = [...(this.#attached.get(key) ?? [])].flatMap(
      (route) => this.#attachments.get(route) ?? [],
    );
    return gatewaySource(reading, {
      routes,
      grants: [...watch.grants()],
      isHeld: (host) => isHeldBy(reading.namespace, host),
      labelsOf: (namespace) => watch.namespaceLabels(namespace),
    });
  }
}

/** What decides about names: not which parentRefs are not accepted. */
function attachmentOf(route: SiteRoute): SiteRoute | undefined {
  if (route.attached.length === 0) return undefined;
  return route.unaccepted.length === 0 ? route : { ...route, unaccepted: [] };
}

function parentsOf(attachment: SiteRoute | undefined): ReadonlySet<SourceKey> {
  return new Set((attachment?.attached ?? []).map(sourceKey));
}
