import type { ApiAnswer, ApiRequest } from '../../../deploy/local/api-client.ts';
import { type DeployedCluster, deploy } from '../../deploy/deployed-cluster.ts';

export const core = '/api/v1/namespaces';
export const networking = '/apis/networking.k8s.io/v1/namespaces';
export const base64 = (text: string): string => Buffer.from(text).toString('base64');
export const pair = { 'tls.crt': base64('chain'), 'tls.key': base64('key') };
export const tls = { type: 'kubernetes.io/tls', data: pair };
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

  send(method: NonNullable<ApiRequest['method']>, path: string, body?: object): Promise<ApiAnswer> {
    return this.cluster.asKubeLego(path, { method, ...(body === undefined ? {} : { body }) });
  }

  create(path: string, body: object): Promise<ApiAnswer> {
    return this.send('POST', path, body);
  }

  patch(path: string, body: object): Promise<ApiAnswer> {
    return this.cluster.asKubeLego(path, mergePatch(body));
  }

  /** Server-side apply, in kube-lego's name. */
  apply(path: string, body: object): Promise<ApiAnswer> {
    const contentType = 'application/apply-patch+yaml';
    const query = 'fieldManager=kube-lego&force=true';
    return this.cluster.asKubeLego(`${path}?${query}`, { method: 'PATCH', contentType, body });
  }

  /** What an admin has put there. */
  async given(path: string, body: object): Promise<void> {
    await this.cluster.asAdmin(path, { method: 'POST', body });
  }

  /** What an admin has changed there. */
  async changed(path: string, body: object): Promise<void> {
    await this.cluster.asAdmin(path, mergePatch(body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

function mergePatch(body: object) {
  return { method: 'PATCH', contentType: 'application/merge-patch+json', body } as const;
}
