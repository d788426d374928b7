import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { AuditRecord } from '../../deploy/local/audit-log.ts';
import type { ControllerProcess } from '../../deploy/local/controller.ts';
import type { EdgeOptions } from '../../deploy/local/edge/options.ts';
import { isProfileName } from '../../deploy/local/edge/profiles.ts';
import { applyObjects } from '../../deploy/local/manifests.ts';
import { startWorld, type World, type WorldOptions } from '../../deploy/local/world.ts';
import type { IngressView } from '../../machines/ingress/ingress-view.ts';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { eventually } from '../time/eventually.ts';
import { assertPermitted, controllerRequests } from './controller-requests.ts';
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts';
import type { Manifest } from './objects.ts';
import { proxiedKubeconfig } from './proxied-kubeconfig.ts';

/** An Event as `kubectl describe ingress` shows it. */
export interface Told {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

export interface StageOptions extends WorldOptions {
  /** puts a proxy between the controller and the CA: `Stage.ca` */
  readonly proxyCa?: boolean;
  /** puts a proxy between the controller and the API server: `Stage.apiServer` */
  readonly proxyApiServer?: boolean;
  /** whether the API server is meant to deny the controller this request; default: it denies none */
  readonly isDenialMeant?: (record: AuditRecord) => boolean;
}

/** Milliseconds that anything may take on a busy machine. */
const patience = 120_000;

/** The real servers with a controller between them, and what a person would look at. */
export class Stage {
  readonly world: World;
  readonly #proxies: Proxies;
  readonly #isDenialMeant: (record: AuditRecord) => boolean;
  #controller: ControllerProcess | undefined;

  /** Use `startStage`. */
  constructor(world: World, proxies: Proxies, isDenialMeant: (record: AuditRecord) => boolean) {
    this.world = world;
    this.#proxies = proxies;
    this.#isDenialMeant = isDenialMeant;
  }

  get controller(): ControllerProcess {
    assert.ok(this.#controller, 'the controller was not started');
    return this.#controller;
  }

  /** In front of the CA. */
  get ca(): FaultyProxy {
    assert.ok(this.#proxies.ca, 'the option proxyCa is not set');
    return this.#proxies.ca;
  }

  /** The directory of the CA as the controller sees it. */
  get directoryUrl(): string {
    const { directoryUrl } = this.world.pebble;
    const { ca } = this.#proxies;
    return ca === undefined ? directoryUrl : `${ca.url}${new URL(directoryUrl).pathname}`;
  }

  /** In front of the API server, for the controller only. */
  get apiServer(): FaultyProxy {
    assert.ok(this.#proxies.apiServer, 'the option proxyApiServer is not set');
    return this.#proxies.apiServer;
  }

  /** Starts the controller, with these variables besides those of the world. */
  async startController(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#controller = await this.world.startController({ ...(await this.#detours()), ...environment });
  }

  async apply(...manifests: readonly Manifest[]): Promise<void> {
    await applyObjects(this.world.cluster.adminKubeconfig, manifests);
  }

  async view(key: string): Promise<IngressView | undefined> {
    const views = await this.controller.views();
    return views.find(({ ingress }) => ingress === key);
  }

  /** Waits until the Ingress is in this state. */
  async untilState(key: string, state: IngressView['state']): Promise<IngressView> {
    return this.untilView(key, `Ingress ${key} is ${state}`, (view) => view.state === state);
  }

  /** Waits until all these Ingresses have been seen idle with a certificate. */
  async untilIssued(...keys: readonly string[]): Promise<void> {
    const waiting = new Set(keys);
    const waitingViews = (views: readonly IngressView[]): IngressView[] => {
      for (const { ingress, state, notAfter } of views) {
        if (state === 'idle' && notAfter !== undefined) waiting.delete(ingress);
      }
      return views.filter(({ ingress }) => waiting.has(ingress));
    };
    await this.guard(this.#untilViews('all have their certificates', waitingViews, () => waiting.size === 0));
  }

  async untilView(
    key: string,
    what: string,
    condition: (view: IngressView) => boolean,
  ): Promise<IngressView> {
    const its = (views: readonly IngressView[]): IngressView[] =>
      views.filter(({ ingress }) => ingress === key);
    const [view] = await this.#untilViews(what, its, (found) => found.some(condition));
    assert.ok(view);
    return view;
  }

  /**
   * Waits for a Warning with this reason on the Ingress; returns its message.
   * @param told what it has to say, where one that is told in an unlucky moment may say something else before
   */
  async untilWarned(key: string, reason: string, told = /^/): Promise<string> {
    return this.guard(this.#untilWarned(key, reason, told));
  }

  /** When the log first said that the Ingress failed for this reason, and when the next attempt was to be. */
  async firstFailure(key: string, reason: string): Promise<{ at: number; nextAttempt: number }> {
    const found = (await this.log()).find(
      (record) => record['ingress'] === key && record['reason'] === reason,
    );
    assert.ok(found, `the log does not say ${reason} of ${key}`);
    return {
      at: Date.parse(String(found['time'])),
      nextAttempt: Date.parse(String(found['nextAttempt'])),
    };
  }

  /** The Events on the Ingress, in the order of their names, which is that of their times. */
  async events(key: string): Promise<Told[]> {
    const [namespace = '', name = ''] = key.split('/');
    const selector = encodeURIComponent(`involvedObject.kind=Ingress,involvedObject.name=${name}`);
    const path = `/api/v1/namespaces/${namespace}/events?fieldSelector=${selector}`;
    return arrayField(await this.world.api.expect(path), 'items').map((event) => ({
      type: stringField(event, 'type') ?? '',
      reason: stringField(event, 'reason') ?? '',
      message: stringField(event, 'message') ?? '',
    }));
  }

  /** The object at this path of the API; undefined if there is none. */
  async object(path: string): Promise<Record<string, unknown> | undefined> {
    const { status, body } = await this.world.api.request(path);
    if (status === 404) return undefined;
    assert.ok(status === 200 && isRecord(body), `GET ${path} is answered with ${status}`);
    return body;
  }

  /** A Secret `namespace/name`, its data decoded; undefined if there is none. */
  async secret(key: string): Promise<Record<string, string> | undefined> {
    const [namespace = '', name = ''] = key.split('/');
    const data = recordField(await this.object(`/api/v1/namespaces/${namespace}/secrets/${name}`), 'data');
    if (data === undefined) return undefined;
    return Object.fromEntries(
      Object.entries(data).map(([field, value]) => [field, Buffer.from(String(value), 'base64').toString()]),
    );
  }

  /** How many orders the CA was asked for since it was started. */
  async orders(): Promise<number> {
    return this.requests('/order-plz');
  }

  /** How many POST requests the CA has had, since it was started, to what begins with this path. */
  async requests(prefix: string): Promise<number> {
    return (await readFile(this.world.pebble.log, 'utf8')).split(`POST ${prefix}`).length - 1;
  }

  /** The controller's log, a record a line. */
  async log(): Promise<Record<string, unknown>[]> {
    const lines = (await readFile(this.controller.log, 'utf8')).split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter(isRecord);
  }

  /** Waits until the controller has logged a line that matches. */
  async untilLogged(pattern: RegExp): Promise<void> {
    const matches = (record: Record<string, unknown>): boolean =>
      pattern.test(stringField(record, 'msg') ?? '');
    await eventually(
      `the log matches ${String(pattern)}`,
      async () => (await this.log()).some(matches),
      patience,
    );
  }

  /** Waits for the work while the CA answers. A failure says what the controller has last warned of. */
  async guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await this.world.pebble.guard(work);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${message}\nThe last warnings of the controller:\n${await this.#lastWarnings()}`, {
        cause: error,
      });
    }
  }

  /** Ends everything, and asserts that the controller, if it was started, has done all under its ServiceAccount. */
  async stop(): Promise<void> {
    const { auditLog } = this.world.cluster;
    const records = this.#controller === undefined ? undefined : await controllerRequests(auditLog);
    await this.world.stop();
    await Promise.all([this.#proxies.ca?.stop(), this.#proxies.apiServer?.stop()]);
    if (records !== undefined) assertPermitted(records, this.#isDenialMeant);
  }

  /** What leads the controller through the proxies. */
  async #detours(): Promise<Record<string, string>> {
    const { ca, apiServer } = this.#proxies;
    const { session } = this.world;
    const variables: Record<string, string> = {};
    if (ca !== undefined) {
      variables['LEGO_URL'] = this.directoryUrl;
      variables['LEGO_CA_BUNDLE'] = join(session.directory, 'ca-proxy.pem');
      await writeFile(variables['LEGO_CA_BUNDLE'], ca.caPem);
    }
    if (apiServer !== undefined) {
      variables['KUBECONFIG'] = await proxiedKubeconfig(this.world, apiServer, 'proxied');
    }
    return variables;
  }

  async #untilViews(
    what: string,
    select: (views: readonly IngressView[]) => IngressView[],
    condition: (selected: readonly IngressView[]) => boolean,
  ): Promise<readonly IngressView[]> {
    let last: IngressView[] = [];
    try {
      await eventually(
        what,
        async () => {
          last = select(await this.controller.views());
          return condition(last);
        },
        patience,
      );
    } catch (error) {
      throw new Error(`${what}: not in time. There is ${JSON.stringify(last)}`, { cause: error });
    }
    return last;
  }

  async #lastWarnings(): Promise<string> {
    if (this.#controller === undefined) return 'It was not started.';
    const warnings = (await this.log()).filter(({ level }) => level === 'warn' || level === 'error');
    return warnings.length === 0
      ? 'None.'
      : warnings
          .slice(-10)
          .map((record) => JSON.stringify(record))
          .join('\n');
  }

  async #untilWarned(key: string, reason: string, told: RegExp): Promise<string> {
    let messages: readonly string[] = [];
    const fits = (message: string): boolean => told.test(message);
    try {
      await eventually(
        `Ingress ${key} has a Warning ${reason} that says ${String(told)}`,
        async () => {
          const warnings = (await this.events(key)).filter((event) => event.type === 'Warning');
          messages = warnings.filter((event) => event.reason === reason).map(({ message }) => message);
          return messages.some(fits);
        },
        patience,
      );
    } catch (error) {
      throw new Error(`It is told ${JSON.stringify(messages)}`, { cause: error });
    }
    return messages.find(fits) ?? '';
  }
}

interface Proxies {
  readonly ca: FaultyProxy | undefined;
  readonly apiServer: FaultyProxy | undefined;
}

/**
 * Which ingress controller the edge behaves like, `TEST_EDGE_PROFILE`, and how long it takes to take up a change, in milliseconds,
 * `TEST_EDGE_DELAY`. Ingress controllers differ, and take up to some seconds, and everything has to come out the same.
 */
function edgeOfEnvironment(): Pick<EdgeOptions, 'profile' | 'delay'> {
  const { TEST_EDGE_PROFILE: profile = 'local', TEST_EDGE_DELAY: given } = process.env;
  assert.ok(isProfileName(profile), `TEST_EDGE_PROFILE: there is no profile ${profile}`);
  if (given === undefined) return { profile };
  const delay = Number(given);
  assert.ok(Number.isInteger(delay) && delay >= 0, 'TEST_EDGE_DELAY has to be a number of milliseconds');
  return { profile, delay };
}

/** The real servers, the controller not started yet. Stop it after the tests. */
export async function startStage({
  proxyCa = false,
  proxyApiServer = false,
  isDenialMeant = () => false,
  ...options
}: StageOptions = {}): Promise<Stage> {
  const edge = { ...edgeOfEnvironment(), ...options.edge };
  const clusters =
    options.cluster === undefined ? { cluster: await borrowCluster('deployment'), deployed: true } : {};
  const world = await startWorld({ ...options, ...clusters, edge });
  const { cluster, pebble } = world;
  const pebbleCa = await readFile(pebble.caBundle, 'utf8');
  const proxies = {
    ca: proxyCa ? await startFaultyProxy(new URL(pebble.directoryUrl).origin, pebbleCa) : undefined,
    apiServer: proxyApiServer ? await startFaultyProxy(cluster.serverUrl, cluster.ca) : undefined,
  };
  return new Stage(world, proxies, isDenialMeant);
}
