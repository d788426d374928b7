import type { ApiAnswer, ApiRequest } from '../../../deploy/local/api-client.ts';
import { recordField } from '../../../src/process/json.ts';
import { type DeployedCluster, deploy } from '../../deploy/deployed-cluster.ts';
import { eventually } from '../../time/eventually.ts';

export const core = '/api/v1/namespaces';
export const networking = '/apis/networking.k8s.io/v1/namespaces';
export const base64 = (text: string): string => Buffer.from(text).toString('base64');
export const pair = { 'tls.crt': base64('chain'), 'tls.key': base64('key') };
export const tls = { type: 'kubernetes.io/tls', data: pair };
export const finalizers = ['example.com/held'];
export const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' }];
export const ours = { 'app.kubernetes.io/managed-by': 'kube-lego' };

/** Somebody who has the token of kube-lego's ServiceAccount, and with it the roles of deploy/base, not more. */
export class Thief implements AsyncDisposable {
  readonly cluster: DeployedCluster;

  private constructor(cluster: DeployedCluster) {
    this.cluster = cluster;
  }

  static async enter(): Promise<Thief> {
    return new Thief(await deploy('base'));
  }

  /** @param path without a query, the request is sent under kube-lego's field manager */
  send(method: NonNullable<ApiRequest['method']>, path: string, body?: object): Promise<ApiAnswer> {
    if (body === undefined) return this.cluster.asKubeLego(path, { method });
    return this.cluster.asKubeLego(asFieldManager(path), { method, body });
  }

  create(path: string, body: object): Promise<ApiAnswer> {
    return this.send('POST', path, body);
  }

  /** @param path without a query, the request is sent under kube-lego's field manager */
  patch(path: string, body: object): Promise<ApiAnswer> {
    return this.cluster.asKubeLego(asFieldManager(path), mergePatch(body));
  }

  /** Server-side apply, under this field manager. */
  apply(path: string, body: object, manager = 'kube-lego'): Promise<ApiAnswer> {
    return this.cluster.asKubeLego(forced(path, manager), applyPatch(body));
  }

  /** Resolves when the API server has taken up the roles that permit this. */
  async untilPermitted(resourceAttributes: {
    readonly verb: string;
    readonly group: string;
    readonly resource: string;
    readonly namespace: string;
  }): Promise<void> {
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    await eventually('it is permitted', async () => {
      const { body: review } = await this.cluster.asKubeLego(path, { method: 'POST', body });
      return recordField(review, 'status')?.['allowed'] === true;
    });
  }

  /** What an admin has put there. */
  async given(path: string, body: object): Promise<void> {
    await this.cluster.asAdmin(path, { method: 'POST', body });
  }

  /** What an admin has changed there. */
  async changed(path: string, body: object): Promise<void> {
    await this.cluster.asAdmin(path, mergePatch(body));
  }

  /** What an admin has applied there (server-side apply), under this field manager. */
  applied(path: string, body: object, manager: string): Promise<unknown> {
    return this.cluster.asAdmin(forced(path, manager), applyPatch(body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

function asFieldManager(path: string): string {
  return path.includes('?') ? path : `${path}?fieldManager=kube-lego`;
}

function forced(path: string, manager: string): string {
  return `${path}?fieldManager=${manager}&force=true`;
}

function applyPatch(body: object) {
  return { method: 'PATCH', contentType: 'application/apply-patch+yaml', body } as const;
}

function mergePatch(body: object) {
  return { method: 'PATCH', contentType: 'application/merge-patch+json', body } as const;
}
