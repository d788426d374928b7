import { join } from 'node:path';
import { recordField, stringField } from '../../src/process/json.ts';
import { ApiClient } from './api-client.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { LocalError } from './local-error.ts';

/** How to access a cluster. */
export interface ClusterParts {
  /** temporary folder: logs, kubeconfigs */
  readonly directory: string;
  /** https://127.0.0.1:PORT */
  readonly serverUrl: string;
  /** path of a kubeconfig for a member of system:masters */
  readonly adminKubeconfig: string;
  /** path of the audit log: one JSON event a line, at the metadata level, written when a request is complete */
  readonly auditLog: string;
  /** PEM */
  readonly ca: string;
  readonly adminToken: string;
}

const tokenLifetime = 24 * 3600; // seconds

/** A running cluster. */
export abstract class ClusterAccess implements ClusterParts, AsyncDisposable {
  readonly directory: string;
  readonly serverUrl: string;
  readonly adminKubeconfig: string;
  readonly auditLog: string;
  readonly ca: string;
  readonly adminToken: string;

  constructor(parts: ClusterParts) {
    this.directory = parts.directory;
    this.serverUrl = parts.serverUrl;
    this.adminKubeconfig = parts.adminKubeconfig;
    this.auditLog = parts.auditLog;
    this.ca = parts.ca;
    this.adminToken = parts.adminToken;
  }

  /** Releases it. */
  abstract stop(): Promise<void>;

  /** A client for setup and checks; must be closed. */
  adminClient(): ApiClient {
    return new ApiClient({ server: this.serverUrl, ca: this.ca, token: this.adminToken });
  }

  /**
   * Asks the API server for a token of the ServiceAccount (TokenRequest), as a pod of it would get.
   * @returns path of a kubeconfig with that token, good for a day
   * @throws LocalError RequestFailed, if there is no such ServiceAccount
   */
  async serviceAccountKubeconfig(namespace: string, name: string): Promise<string> {
    await using client = this.adminClient();
    const answer = await client.expect(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
      method: 'POST',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: tokenLifetime },
      },
    });
    const token = stringField(recordField(answer, 'status'), 'token');
    if (token === undefined) {
      throw new LocalError('RequestFailed', 'The API server answered a TokenRequest without a token');
    }
    const path = join(this.directory, `${namespace}.${name}.kubeconfig`);
    await writeKubeconfig(path, {
      server: this.serverUrl,
      ca: this.ca,
      token,
      user: `${namespace}.${name}`,
      namespace,
    });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
