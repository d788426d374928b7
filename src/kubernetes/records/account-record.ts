import type { V1Secret } from '@kubernetes/client-node';
import type { AccountSecret, AccountSecretStore } from '../../acme/account/account-secret.ts';
import type { KubernetesClient } from '../client/client.ts';
import { unless } from '../client/kubernetes-error.ts';
import { fieldManager, managedByLabel } from './managed-by.ts';

/** Stores the ACME account in a Secret (`kube-lego-account` since 2016). Throws KubernetesError or the signal's reason. */
export class KubernetesAccountSecret implements AccountSecretStore {
  readonly name: string;
  readonly #client: KubernetesClient;
  readonly #reference: { readonly namespace: string; readonly name: string };

  constructor(client: KubernetesClient, namespace: string, name: string) {
    this.#client = client;
    this.#reference = { namespace, name };
    this.name = `${namespace}/${name}`;
  }

  async read(signal: AbortSignal): Promise<AccountSecret | undefined> {
    return (await this.#get(signal))?.stored;
  }

  async create(
    data: Readonly<Record<string, Buffer>>,
    signal: AbortSignal,
  ): Promise<AccountSecret | undefined> {
    const { name, namespace } = this.#reference;
    const body: V1Secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace, labels: { [managedByLabel.key]: managedByLabel.value } },
      type: 'Opaque',
      data: encoded(data),
    };
    return unless('AlreadyExists', async () => {
      const made = await this.#client.call(signal, ({ core }) =>
        core.createNamespacedSecret({ namespace, body, fieldManager }),
      );
      return decoded(made);
    });
  }

  /** Reads the object again to keep its labels and foreign keys; the resourceVersion detects other changes. */
  async update(
    current: AccountSecret,
    data: Readonly<Record<string, Buffer>>,
    signal: AbortSignal,
  ): Promise<AccountSecret | undefined> {
    const now = await this.#get(signal);
    if (now?.stored.uid !== current.uid || now.stored.resourceVersion !== current.resourceVersion)
      return undefined;
    const body = now.object;
    body.data = { ...body.data, ...encoded(data) };
    return unless('Conflict', async () => {
      const written = await this.#client.call(signal, ({ core }) =>
        core.replaceNamespacedSecret({ ...this.#reference, body, fieldManager }),
      );
      return decoded(written);
    });
  }

  async #get(signal: AbortSignal): Promise<{ object: V1Secret; stored: AccountSecret } | undefined> {
    return unless('NotFound', async () => {
      const object = await this.#client.call(signal, ({ core }) =>
        core.readNamespacedSecret(this.#reference),
      );
      return { object, stored: decoded(object) };
    });
  }
}

function encoded(data: Readonly<Record<string, Buffer>>): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value.toString('base64')]));
}

function decoded(object: V1Secret): AccountSecret {
  const data = Object.entries(object.data ?? {}).map(([key, value]): [string, Buffer] => [
    key,
    Buffer.from(value, 'base64'),
  ]);
  return {
    data: Object.fromEntries(data),
    uid: object.metadata?.uid ?? '',
    resourceVersion: object.metadata?.resourceVersion ?? '',
  };
}
