import { setTimeout as pause } from 'node:timers/promises';
import type { ApiClient } from '../../../deploy/local/api-client.ts';
import { applyObjects } from '../../../deploy/local/manifests.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';

export const group = 'gateway.networking.k8s.io';

/** What the stand-in of an implementation says of a route. */
export interface Said {
  readonly accepted?: string;
  readonly resolvedRefs?: string;
}

/** Objects of Gateway API at a real API server, and the words of an implementation in their status. */
export class GatewayStage {
  readonly api: ApiClient;
  readonly #kubeconfig: string;

  constructor(api: ApiClient, kubeconfig: string) {
    this.api = api;
    this.#kubeconfig = kubeconfig;
  }

  async gateway(
    namespace: string,
    name: string,
    listeners: readonly object[],
    kind: 'Gateway' | 'ListenerSet' = 'Gateway',
    spec: object = { gatewayClassName: 'edge' },
  ): Promise<void> {
    const metadata = { namespace, name };
    await applyObjects(this.#kubeconfig, [
      { apiVersion: `${group}/v1`, kind, metadata, spec: { ...spec, listeners } },
    ]);
  }

  /** A site's route, which the Gateway has accepted. */
  async site(namespace: string, name: string, gateway: string, hostnames: readonly string[]): Promise<void> {
    const parentRefs = [{ name: gateway }];
    const metadata = { namespace, name };
    const rules = [{ backendRefs: [{ name: 'site', port: 80 }] }];
    await applyObjects(this.#kubeconfig, [
      { apiVersion: `${group}/v1`, kind: 'HTTPRoute', metadata, spec: { parentRefs, hostnames, rules } },
    ]);
    await this.say(namespace, name, {});
  }

  path(namespace: string, name = ''): string {
    return `/apis/${group}/v1/namespaces/${namespace}/httproutes/${name}`;
  }

  grantPath(namespace: string, name = ''): string {
    return `/apis/${group}/v1/namespaces/${namespace}/referencegrants/${name}`;
  }

  async list(path: string): Promise<readonly unknown[]> {
    return arrayField(await this.api.expect(path), 'items');
  }

  async change(path: string, body: object): Promise<void> {
    await this.api.expect(path, { method: 'PATCH', contentType: 'application/merge-patch+json', body });
  }

  /** Writes the status of a route, of its present generation. */
  async say(namespace: string, name: string, { accepted, resolvedRefs }: Said): Promise<void> {
    const path = this.path(namespace, name);
    const route = await this.api.expect(path);
    const observedGeneration = recordField(route, 'metadata')?.['generation'];
    const condition = (type: string, refusal: string | undefined) => ({
      type,
      status: refusal === undefined ? 'True' : 'False',
      reason: refusal ?? type,
      message: refusal === undefined ? '' : `It says ${refusal}`,
      observedGeneration,
      lastTransitionTime: '2026-11-24T12:00:00Z',
    });
    const conditions = [condition('Accepted', accepted), condition('ResolvedRefs', resolvedRefs)];
    const parents = arrayField(recordField(route, 'spec'), 'parentRefs').map((parentRef) => ({
      parentRef,
      controllerName: 'example.com/edge',
      conditions,
    }));
    await this.change(`${path}/status`, { status: { parents } });
  }

  /** Says the same of each new version of each challenge route, until the signal is aborted. */
  async keepSaying(namespaces: readonly string[], said: Said, signal: AbortSignal): Promise<void> {
    const spoken = new Map<string, unknown>();
    while (!signal.aborted) {
      for (const namespace of namespaces) {
        for (const route of await this.list(this.path(namespace))) {
          const metadata = recordField(route, 'metadata');
          const name = stringField(metadata, 'name') ?? '';
          const version = `${String(metadata?.['uid'])} ${String(metadata?.['generation'])}`;
          if (!name.startsWith('kube-lego-') || spoken.get(`${namespace}/${name}`) === version) continue;
          spoken.set(`${namespace}/${name}`, version);
          // It may be gone by now.
          await this.say(namespace, name, said).catch(() => undefined);
        }
      }
      await pause(20);
    }
  }
}

export function listener(name: string, change: object = {}): object {
  return { name, port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } }, ...change };
}
