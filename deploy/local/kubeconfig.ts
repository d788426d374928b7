import { readFile, writeFile } from 'node:fs/promises';
import { LocalError } from './local-error.ts';

/** How to reach an API server, with credentials. */
export interface Access {
  /** https://HOST:PORT */
  readonly server: string;
  /** PEM */
  readonly ca: string;
  readonly token: string;
}

/** Writes a kubeconfig file (as JSON, which is YAML) that kubectl and all client libraries read. */
export async function writeKubeconfig(
  path: string,
  access: Access & { readonly user: string; readonly namespace: string },
): Promise<void> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'local',
    clusters: [
      {
        name: 'local',
        cluster: {
          server: access.server,
          'certificate-authority-data': Buffer.from(access.ca).toString('base64'),
        },
      },
    ],
    contexts: [
      { name: 'local', context: { cluster: 'local', user: access.user, namespace: access.namespace } },
    ],
    users: [{ name: access.user, user: { token: access.token } }],
  };
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

/**
 * Reads a file of `writeKubeconfig`; no other form is supported.
 * @throws LocalError BadManifest
 */
export async function readKubeconfig(path: string): Promise<Access> {
  const text = await readFile(path, 'utf8');
  const server = /"server": "([^"]+)"/.exec(text)?.[1];
  const ca = /"certificate-authority-data": "([^"]+)"/.exec(text)?.[1];
  const token = /"token": "([^"]+)"/.exec(text)?.[1];
  if (server === undefined || ca === undefined || token === undefined) {
    throw new LocalError('BadManifest', `${path} is not a kubeconfig that a local cluster wrote`);
  }
  return { server, ca: Buffer.from(ca, 'base64').toString('utf8'), token };
}
