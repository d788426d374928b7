import type { ApiClient } from '../../deploy/local/api-client.ts';
import { type AuditRecord, readAuditLog } from '../../deploy/local/audit-log.ts';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { createKubernetesClient, type KubernetesClient } from '../../src/kubernetes/client/client.ts';
import { loadKubeConfig } from '../../src/kubernetes/client/kube-config.ts';
import { borrowCluster } from '../clusters/borrow.ts';

/** A real API server, somebody who sets things up and looks at them, and the client under test. */
export interface ApiWorld extends AsyncDisposable {
  readonly cluster: ClusterAccess;
  readonly admin: ApiClient;
  readonly client: KubernetesClient;
  createNamespace(name: string): Promise<void>;
  /** Requests that may have changed something there, dry runs apart. */
  writes(namespace: string): Promise<AuditRecord[]>;
}

const userAgent = 'under-test';

/** @param given a cluster of its own, which is stopped with the world; default: a borrowed one */
export async function startApiWorld(given?: ClusterAccess): Promise<ApiWorld> {
  const cluster = given ?? (await borrowCluster());
  const admin = cluster.adminClient();
  const access = loadKubeConfig({ env: { KUBECONFIG: cluster.adminKubeconfig } });
  const client = createKubernetesClient(access, { userAgent });
  return {
    cluster,
    admin,
    client,
    createNamespace: async (name) => {
      const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      await admin.expect('/api/v1/namespaces', { method: 'POST', body });
    },
    writes: async (namespace) => {
      const records = await readAuditLog(cluster.auditLog);
      const reading = ['get', 'list', 'watch'];
      return records.filter(
        (record) =>
          record.namespace === namespace &&
          record.userAgent === userAgent &&
          !record.dryRun &&
          !reading.includes(record.verb),
      );
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await admin.close();
      await cluster.stop();
    },
  };
}
