// The kubeconfig, or the ServiceAccount of the pod. Of client-node's KubeConfig only the reading of files and the plugin of credentials
// are imported: KubeConfig itself loads the generated client of the whole API, which costs 300 ms of CPU and 60 MB (measured).

import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { delimiter, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import type { Cluster, Context, User } from '@kubernetes/client-node';
import { newClusters, newContexts, newUsers } from '@kubernetes/client-node/dist/config_types.js';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { loadAll, YAMLException } from 'js-yaml';
import { isRecord, recordField, stringField } from '../../process/json.ts';
import type { ApiAccess } from './api-connection.ts';

interface Contents {
  readonly clusters: readonly Cluster[];
  readonly users: readonly User[];
  readonly contexts: readonly Context[];
  readonly currentContext: string;
}

/** Where the kubelet puts token and CA of the ServiceAccount. */
const kubeletFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface KubeConfigOptions {
  /** Of the kubeconfig; its current one if not given. */
  readonly context?: string | undefined;
  /** `KUBECONFIG`, and what the kubelet tells of the API server. Default: of the process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly serviceAccountFolder?: string;
}

/**
 * The configuration that kubectl would use: `$KUBECONFIG`, `~/.kube/config`, or in a pod its ServiceAccount.
 *
 * @throws Error when there is none, it cannot be read, or there is no such context
 */
export function loadKubeConfig(options: KubeConfigOptions = {}): ApiAccess {
  const { context, env = process.env, serviceAccountFolder = kubeletFolder } = options;
  const contents = readFiles(kubeConfigPaths(env)) ?? serviceAccount(env, serviceAccountFolder);
  if (contents === undefined) {
    throw new Error(
      'there is no kubeconfig: set KUBECONFIG to the path of one, or run in a pod with a ServiceAccount',
    );
  }
  if (context !== undefined && !contents.contexts.some(({ name }) => name === context))
    throw new Error(`the kubeconfig has no context ${context}`);
  return new LoadedKubeConfig({ ...contents, currentContext: context ?? contents.currentContext });
}

class LoadedKubeConfig implements ApiAccess {
  readonly #contents: Contents;
  readonly #cluster: Cluster | null;
  readonly #user: User | undefined;
  /** Keeps what the plugin has said until it expires. */
  readonly #plugin = new ExecAuth();

  constructor(contents: Contents) {
    this.#contents = contents;
    const { clusters, contexts, currentContext, users } = contents;
    const context = contexts.find(({ name }) => name === currentContext);
    this.#cluster = clusters.find(({ name }) => name === context?.cluster) ?? null;
    this.#user = users.find(({ name }) => name === context?.user);
  }

  getCurrentCluster(): Cluster | null {
    return this.#cluster;
  }

  async applyToHTTPSOptions(options: RequestOptions): Promise<void> {
    const cluster = this.#cluster;
    const user = this.#user;
    const tokenFile = stringField(recordField(user?.authProvider, 'config'), 'tokenFile');
    if (isRecord(user?.authProvider) && tokenFile === undefined) return this.#applyWithProvider(options);
    const headers: Record<string, string> = {};
    options.headers = headers;
    if (cluster?.skipTLSVerify === true) options.rejectUnauthorized = false;
    if (cluster?.tlsServerName) options.servername = cluster.tlsServerName;
    const ca = await dataOrFile(cluster?.caData, cluster?.caFile);
    const cert = await dataOrFile(user?.certData, user?.certFile);
    const key = await dataOrFile(user?.keyData, user?.keyFile);
    if (ca !== undefined) options.ca = ca;
    if (cert !== undefined) options.cert = cert;
    if (key !== undefined) options.key = key;
    if (user === undefined) return;
    if (user.impersonateUser) headers['Impersonate-User'] = user.impersonateUser;
    if (user.username) options.auth = `${user.username}:${user.password}`;
    if (this.#plugin.isAuthProvider(user)) await this.#plugin.applyAuthentication(user, options);
    const token = tokenFile === undefined ? user.token : await readFile(tokenFile, 'utf8');
    if (token) headers['Authorization'] = `Bearer ${token}`;
  }

  /** What kubectl had before plugins, such as OpenID Connect: most of client-node, for the few who have it. */
  async #applyWithProvider(options: RequestOptions): Promise<void> {
    const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
    const { clusters, users, contexts, currentContext } = this.#contents;
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromOptions({
      clusters: [...clusters],
      users: [...users],
      contexts: [...contexts],
      currentContext,
    });
    await kubeConfig.applyToHTTPSOptions(options);
  }
}

/** Those that `$KUBECONFIG` names must not all exist, as with kubectl. */
function kubeConfigPaths({ KUBECONFIG = '', HOME = '' }: NodeJS.ProcessEnv): string[] {
  const named = KUBECONFIG.split(delimiter).filter((path) => path !== '');
  if (named.length > 0) return named;
  // The user of a pod need not have a home: os.homedir throws then.
  return HOME === '' ? [] : [join(HOME, '.kube', 'config')];
}

/** Merged as kubectl does: what the first file says of a name stays. @returns undefined if there is no such file */
function readFiles(paths: readonly string[]): Contents | undefined {
  const files = paths.filter((path) => existsSync(path)).map(readKubeConfig);
  if (files.every(({ clusters, contexts }) => clusters.length + contexts.length === 0)) return undefined;
  return {
    clusters: files.flatMap(({ clusters }) => clusters),
    users: files.flatMap(({ users }) => users),
    contexts: files.flatMap(({ contexts }) => contexts),
    currentContext: files.map(({ currentContext }) => currentContext).find((name) => name !== '') ?? '',
  };
}

/** @throws Error that says which file cannot be read and why */
function readKubeConfig(path: string): Contents {
  try {
    return contentsOf(readFileSync(path, 'utf8'), dirname(path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Of YAML without the lines about the mistake, which may hold a token or a key. */
function unreadable(path: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const words = error instanceof YAMLException ? error.toString(true) : message;
  return new Error(`the kubeconfig ${path} cannot be read: ${words}`);
}

/** @param folder paths are relative to it */
function contentsOf(text: string, folder: string): Contents {
  // An empty file is like none, as with kubectl.
  const [document] = loadAll(text);
  const fields = isRecord(document) ? document : {};
  const clusters = newClusters(fields['clusters']);
  const users = newUsers(fields['users']);
  for (const cluster of clusters) if (cluster.caFile) cluster.caFile = resolve(folder, cluster.caFile);
  for (const user of users) {
    if (user.certFile) user.certFile = resolve(folder, user.certFile);
    if (user.keyFile) user.keyFile = resolve(folder, user.keyFile);
  }
  const currentContext = stringField(document, 'current-context') ?? '';
  return { clusters, users, contexts: newContexts(fields['contexts']), currentContext };
}

/** @returns undefined outside of a pod */
function serviceAccount(env: NodeJS.ProcessEnv, folder: string): Contents | undefined {
  const tokenFile = join(folder, 'token');
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (host === '' || !existsSync(tokenFile)) return undefined;
  const name = 'service-account';
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return {
    clusters: [{ name, server, caFile: join(folder, 'ca.crt'), skipTLSVerify: false }],
    users: [{ name, authProvider: { name: 'tokenFile', config: { tokenFile } } }],
    contexts: [{ name, cluster: name, user: name }],
    currentContext: name,
  };
}

/** Both may be given: the data counts, as with kubectl. */
async function dataOrFile(base64: string | undefined, file: string | undefined): Promise<Buffer | undefined> {
  if (base64) return Buffer.from(base64, 'base64');
  return file ? readFile(file) : undefined;
}
