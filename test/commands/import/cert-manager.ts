import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../../../deploy/local/api-client.ts';
import type { ClusterAccess } from '../../../deploy/local/cluster-access.ts';
import { installKinds } from '../../../deploy/local/kinds.ts';
import { readManifests } from '../../../deploy/local/manifests.ts';
import { toolPath } from '../../../deploy/local/tools/tool-path.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { eventually } from '../../time/eventually.ts';

const group = '/apis/cert-manager.io/v1';

/** Milliseconds between two looks. Without a pause, they would take the API server half of a machine of two cores. */
const pause = 100;

/** Has the API server know cert-manager's own definitions of its kinds. */
export async function installCertManagerKinds(cluster: ClusterAccess): Promise<void> {
  await installKinds(cluster, await readManifests(toolPath('cert-manager-crds')));
}

export function certificatesPath(namespace: string): string {
  return `${group}/namespaces/${namespace}/certificates`;
}

/**
 * What cert-manager does that matters to an import, by its certificate-shim (pkg/controller/certificate-shim/sync.go) and the policies by
 * which it issues (internal/controller/certificates/policies/checks.go): it makes a Certificate of each entry of `spec.tls` of an Ingress
 * with an issuer annotation, and orders when the Secret is not there or is not marked as that issuer's.
 */
export class CertManagerStandIn implements AsyncDisposable {
  /** `namespace/name` of the Certificates that it has ordered for. */
  readonly orders: string[] = [];
  readonly #api: ApiClient;
  readonly #namespace: string;
  readonly #stopping = new AbortController();
  #looks = 0;
  readonly #running: Promise<void>;

  constructor(api: ApiClient, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
    this.#running = this.#run();
  }

  /** Waits until it has looked at everything once more. */
  async hasLooked(): Promise<void> {
    const before = this.#looks;
    await eventually('cert-manager has looked', () => this.#looks >= before + 2);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#look();
      this.#looks += 1;
      await delay(pause);
    }
  }

  async #look(): Promise<void> {
    const path = `/apis/networking.k8s.io/v1/namespaces/${this.#namespace}/ingresses`;
    const ingresses = arrayField(await this.#api.expect(path), 'items');
    const known = new Set((await this.#certificates()).map(nameOf));
    for (const ingress of ingresses) await this.#sync(ingress, known);
    for (const certificate of await this.#certificates()) await this.#issueIfDue(certificate);
  }

  async #certificates(): Promise<readonly unknown[]> {
    return arrayField(await this.#api.expect(certificatesPath(this.#namespace)), 'items');
  }

  /** @param known names of Certificates that there are */
  async #sync(ingress: unknown, known: ReadonlySet<string | undefined>): Promise<void> {
    const metadata = recordField(ingress, 'metadata');
    const annotations = recordField(metadata, 'annotations');
    const issuer = stringField(annotations, 'cert-manager.io/issuer');
    const ofCluster = stringField(annotations, 'cert-manager.io/cluster-issuer');
    if (issuer === undefined && ofCluster === undefined) return;
    const [name, uid] = [nameOf(ingress), stringField(metadata, 'uid')];
    for (const entry of arrayField(recordField(ingress, 'spec'), 'tls')) {
      const secretName = stringField(entry, 'secretName');
      if (known.has(secretName)) continue;
      const body = {
        apiVersion: 'cert-manager.io/v1',
        kind: 'Certificate',
        metadata: {
          name: secretName,
          ownerReferences: [
            {
              apiVersion: 'networking.k8s.io/v1',
              kind: 'Ingress',
              name,
              uid,
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        },
        spec: {
          secretName,
          dnsNames: arrayField(entry, 'hosts'),
          issuerRef: {
            name: ofCluster ?? issuer,
            kind: ofCluster === undefined ? 'Issuer' : 'ClusterIssuer',
            group: 'cert-manager.io',
          },
          usages: ['digital signature', 'key encipherment'],
        },
      };
      // Of two Ingresses that share a Secret, the second one is refused.
      await this.#api.request(certificatesPath(this.#namespace), { method: 'POST', body });
    }
  }

  async #issueIfDue(certificate: unknown): Promise<void> {
    const spec = recordField(certificate, 'spec');
    const path = `/api/v1/namespaces/${this.#namespace}/secrets/${stringField(spec, 'secretName') ?? ''}`;
    const { status, body } = await this.#api.request(path);
    const annotations = recordField(recordField(body, 'metadata'), 'annotations');
    const issuer = stringField(recordField(spec, 'issuerRef'), 'name');
    if (status === 200 && stringField(annotations, 'cert-manager.io/issuer-name') === issuer) return;
    this.orders.push(`${this.#namespace}/${nameOf(certificate) ?? ''}`);
  }
}

function nameOf(object: unknown): string | undefined {
  return stringField(recordField(object, 'metadata'), 'name');
}
