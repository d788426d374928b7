import { readAll } from '../../../../src/kubernetes/client/api-answer.ts';
import type { KubernetesClient } from '../../../../src/kubernetes/client/client.ts';
import { KubernetesError } from '../../../../src/kubernetes/client/kubernetes-error.ts';
import { Reflector } from '../../../../src/kubernetes/watch/reflector.ts';
import { arrayField, parsedJson, stringField } from '../../../../src/process/json.ts';
import { type Clock, sleep } from '../../../../src/time/clock.ts';
import {
  experimentalGroup,
  type GatewayChange,
  gatewayGroup,
  projectGateway,
  projectGatewayClass,
  projectGrant,
  projectListenerSet,
  projectNamespace,
  projectRoute,
} from './gateway-kinds.ts';

export interface GatewaySourceOptions {
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly change: (change: GatewayChange) => void;
  readonly onError: (error: unknown) => void;
}

interface Source {
  /** versions that it can be read in, `GROUP/VERSION`, the preferred one first */
  readonly versions: readonly string[];
  readonly plural: string;
  /** @param object undefined: it has gone */
  changeOf(key: string, object: unknown): GatewayChange;
}

/** Milliseconds between two questions which kinds there are. */
const discoveryInterval = 500;
const longestAnswer = 1024 * 1024;
const v1 = `${gatewayGroup}/v1`;
const alpha = `${experimentalGroup}/v1alpha1`;

const sources: readonly Source[] = [
  {
    versions: [v1],
    plural: 'gatewayclasses',
    changeOf: (key, object) => ({ kind: 'gatewayclass', key, object: maybe(projectGatewayClass, object) }),
  },
  {
    versions: [v1],
    plural: 'gateways',
    changeOf: (key, object) => ({ kind: 'gateway', key, object: maybe(projectGateway, object) }),
  },
  ...(['ListenerSet', 'XListenerSet'] as const).map(
    (kind): Source => ({
      versions: [kind === 'ListenerSet' ? v1 : alpha],
      plural: `${kind.toLowerCase()}s`,
      changeOf: (key, object) => ({
        kind: 'listenerset',
        key: `${kind}/${key}`,
        object: maybe((each) => projectListenerSet(each, kind), object),
      }),
    }),
  ),
  {
    versions: [v1],
    plural: 'httproutes',
    changeOf: (key, object) => ({ kind: 'httproute', key, object: maybe(projectRoute, object) }),
  },
  {
    versions: [v1, `${gatewayGroup}/v1beta1`],
    plural: 'referencegrants',
    changeOf: (key, object) => ({ kind: 'grant', key, object: maybe(projectGrant, object) }),
  },
];

const namespaces: Source = {
  versions: ['v1'],
  plural: 'namespaces',
  changeOf: (key, object) => ({ kind: 'namespace', key, object: maybe(projectNamespace, object) }),
};

/**
 * Follows the kinds of Gateway API, each as long as the API server knows it, in a version that it has. Resolves once those that
 * are there have been listed.
 */
export async function followGateways(options: GatewaySourceOptions): Promise<void> {
  const { clock, signal, onError } = options;
  const followed = new Map<Source, Following>();
  const look = async (): Promise<void> => {
    const groups = new Set(sources.flatMap(({ versions }) => versions));
    const served = new Map(
      await Promise.all([...groups].map(async (group) => [group, await pluralsOf(group, options)] as const)),
    );
    for (const source of sources) {
      const version = source.versions.find((each) => served.get(each)?.has(source.plural) === true);
      const before = followed.get(source);
      if (before?.version === version) continue;
      before?.stop();
      followed.delete(source);
      if (version !== undefined) followed.set(source, new Following(source, version, options));
    }
  };
  await look();
  const first = [...followed.values(), new Following(namespaces, 'v1', options)];
  await Promise.all(first.map(({ listed }) => listed));
  void (async () => {
    while (!signal.aborted) {
      try {
        await sleep(clock, discoveryInterval, signal);
        await look();
      } catch (error) {
        if (!signal.aborted) onError(error);
      }
    }
  })();
}

/** One kind, in one version, as long as it is there. */
class Following {
  readonly version: string;
  readonly listed: Promise<void>;
  readonly #stop = new AbortController();
  readonly #reflector: Reflector<{ readonly change: GatewayChange }>;
  readonly #source: Source;
  readonly #change: (change: GatewayChange) => void;

  constructor(source: Source, version: string, options: GatewaySourceOptions) {
    this.version = version;
    this.#source = source;
    this.#change = options.change;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.listed = promise;
    this.#stop.signal.addEventListener('abort', () => resolve());
    this.#reflector = new Reflector({
      client: options.client,
      clock: options.clock,
      signal: AbortSignal.any([options.signal, this.#stop.signal]),
      path: `/${version === 'v1' ? 'api' : 'apis'}/${version}/${source.plural}`,
      project: (object) => ({ change: source.changeOf('', object) }),
      onUpsert: (key, { change }) => this.#change({ ...change, key: source.changeOf(key, undefined).key }),
      onDelete: (key) => this.#change(source.changeOf(key, undefined)),
      onSynced: resolve,
      onError: options.onError,
    });
    this.#reflector.start();
  }

  /** The kind has gone, and with it all its objects. */
  stop(): void {
    this.#stop.abort();
    for (const [key] of this.#reflector.entries()) this.#change(this.#source.changeOf(key, undefined));
  }
}

/** The plurals that the API server serves under a group and version; none, if it does not know that. */
async function pluralsOf(
  group: string,
  { client, signal }: GatewaySourceOptions,
): Promise<ReadonlySet<string>> {
  try {
    const limits = { signal, bodyTimeout: 15_000 };
    const { body } = await client.stream(`/apis/${group}`, new URLSearchParams(), limits);
    const answer = parsedJson((await readAll(body, longestAnswer)).toString('utf8'));
    return new Set(arrayField(answer, 'resources').map((resource) => stringField(resource, 'name') ?? ''));
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return new Set();
    throw error;
  }
}

function maybe<T>(project: (object: unknown) => T, object: unknown): T | undefined {
  return object === undefined ? undefined : project(object);
}
