import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControllerProcess } from '../../deploy/local/controller.ts';
import { startWorld, type World, type WorldOptions } from '../../deploy/local/world.ts';
import { arrayField } from '../../src/process/json.ts';
import { CaRequests } from './ca-requests.ts';
import { benchNamespaces, createIngress, type Member, members } from './fleet.ts';
import { patience } from './patience.ts';
import { SecretWatch } from './secret-watch.ts';

export type Progress = (text: string) => void;

/** A fresh world with the shipped controller, after a first certificate: the account exists. */
export class Stage implements AsyncDisposable {
  readonly world: World;
  readonly secrets: SecretWatch;
  readonly ca: CaRequests;
  controller: ControllerProcess;

  private constructor(world: World, secrets: SecretWatch, controller: ControllerProcess) {
    this.world = world;
    this.secrets = secrets;
    this.controller = controller;
    this.ca = new CaRequests(world.pebble.log);
  }

  /** @param environment of the controller, by the world that it will run in */
  static async start(
    options: WorldOptions = {},
    environment: (world: World) => Promise<Record<string, string>> = () => Promise.resolve({}),
  ): Promise<Stage> {
    const world = await startWorld({ ...options, namespaces: benchNamespaces });
    try {
      const secrets = await SecretWatch.start(world.cluster.adminKubeconfig);
      const stage = new Stage(world, secrets, await world.startController(await environment(world)));
      const [first] = members(0, 1);
      if (first !== undefined) await stage.issue(first);
      await stage.challengesGone();
      return stage;
    } catch (error) {
      await world.stop();
      throw error;
    }
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

  /** The end of the controller's log, for diagnosis. */
  async lastWords(): Promise<string> {
    return (await readFile(this.controller.log, 'utf8')).split('\n').slice(-15).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.secrets[Symbol.asyncDispose]();
    await this.world.stop();
  }
}
