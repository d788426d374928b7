import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControllerProcess } from '../../deploy/local/controller.ts';
import { startWorld, type World, type WorldOptions } from '../../deploy/local/world.ts';
import { arrayField, recordField } from '../../src/process/json.ts';
import { CaRequests } from './ca-requests.ts';
import { benchNamespaces, createIngress, type Member, members } from './fleet.ts';
import { patience } from './patience.ts';
import { SecretWatch } from './secret-watch.ts';

export type Progress = (text: string) => void;

/** How the parts are measured. */
export interface Bench {
  readonly progress: Progress;
  /** Of every controller, besides what its part sets. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A fresh world with the shipped controller, after a first certificate: the account exists. */
export class Stage implements AsyncDisposable {
  readonly world: World;
  readonly secrets: SecretWatch;
  readonly ca: CaRequests;
  controller: ControllerProcess;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(
    world: World,
    secrets: SecretWatch,
    controller: ControllerProcess,
    environment: Readonly<Record<string, string>>,
  ) {
    this.world = world;
    this.secrets = secrets;
    this.controller = controller;
    this.#environment = environment;
    this.ca = new CaRequests(world.pebble.log);
  }

  /** @param environment of the controller, by the world that it will run in */
  static async start(
    bench: Bench,
    options: WorldOptions = {},
    environment: (world: World) => Promise<Record<string, string>> = () => Promise.resolve({}),
  ): Promise<Stage> {
    const world = await startWorld({ ...options, namespaces: benchNamespaces });
    try {
      const secrets = await SecretWatch.start(world.cluster.adminKubeconfig);
      const settings = { ...bench.environment, ...(await environment(world)) };
      const stage = new Stage(world, secrets, await world.startController(settings), settings);
      const [first] = members(0, 1);
      if (first !== undefined) await stage.issue(first);
      await stage.challengesGone();
      return stage;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  /** Starts the controller again after it was stopped. */
  async restartController(): Promise<void> {
    this.controller = await this.world.startController(this.#environment);
  }

  /** @returns milliseconds from the request that creates the Ingress to the filled Secret */
  async issue(member: Member): Promise<number> {
    const startedAt = performance.now();
    await createIngress(this.world.api, member);
    return (await this.world.pebble.guard(this.secrets.filled(member))) - startedAt;
  }

  /** Waits until the controller has removed its challenge Ingresses, some seconds after the last use. */
  async challengesGone(): Promise<void> {
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      const list = await this.world.api.expect('/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses');
      if (arrayField(list, 'items').length === 0) return;
      await delay(200);
    }
    throw new Error(`The challenge Ingress is still there after ${patience / 1000} s`);
  }

  /** Likewise, and has written all the rest: at last it takes the orders out of its journal. */
  async settled(): Promise<void> {
    await this.challengesGone();
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      const journal = await this.world.api.expect('/api/v1/namespaces/kube-lego/secrets/kube-lego-journal-0');
      if (Object.keys(recordField(journal, 'data') ?? {}).length === 0) return;
      await delay(200);
    }
    throw new Error(`There are still orders in the journal after ${patience / 1000} s`);
  }

  /** Waits until the controller has removed its values from the DNS. */
  async valuesGone(): Promise<void> {
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      if (this.world.zoneServer.texts.length === 0) return;
      await delay(100);
    }
    throw new Error(`There are still values in the DNS after ${patience / 1000} s`);
  }

  /** The end of the controller's log, for diagnosis. */
  async lastWords(): Promise<string> {
    return (await readFile(this.controller.log, 'utf8')).split('\n').slice(-15).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.secrets[Symbol.asyncDispose]();
    // A profile is written when it ends by itself.
    await this.controller.stop();
    await this.world.stop();
  }
}
