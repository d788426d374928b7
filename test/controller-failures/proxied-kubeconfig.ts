import { join } from 'node:path';
import { readKubeconfig, writeKubeconfig } from '../../deploy/local/kubeconfig.ts';
import type { World } from '../../deploy/local/world.ts';
import type { FaultyProxy } from './faulty-proxy.ts';

/**
 * Leads a process with the ServiceAccount of kube-lego to the API server through the proxy.
 * @param name of the file, unique in the world
 * @returns path of its kubeconfig
 */
export async function proxiedKubeconfig(
  { cluster, session }: World,
  { url, caPem }: FaultyProxy,
  name: string,
): Promise<string> {
  const { token } = await readKubeconfig(await cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego'));
  const path = join(session.directory, `${name}.kubeconfig`);
  await writeKubeconfig(path, { server: url, ca: caPem, token, user: 'kube-lego', namespace: 'kube-lego' });
  return path;
}
