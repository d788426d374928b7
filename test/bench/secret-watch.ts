import { createKubernetesClient, type KubernetesClient } from '../../src/kubernetes/client/client.ts';
import { loadKubeConfig } from '../../src/kubernetes/client/kube-config.ts';
import { Reflector } from '../../src/kubernetes/watch/reflector.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import { systemClock } from '../../src/time/clock.ts';
import type { Member } from './fleet.ts';
import { patience } from './patience.ts';

interface Filled {
  readonly filled: boolean;
}

/** Watches for the moment when a Secret holds a certificate. */
export class SecretWatch implements AsyncDisposable {
  readonly #client: KubernetesClient;
  readonly #stopping = new AbortController();
  readonly #filledAt = new Map<string, number>();
  readonly #waiting = new Map<string, (at: number) => void>();
  readonly #reflector: Reflector<Filled>;

  private constructor(kubeconfig: string, onSynced: () => void) {
    const access = loadKubeConfig({ env: { KUBECONFIG: kubeconfig } });
    this.#client = createKubernetesClient(access);
    this.#reflector = new Reflector<Filled>({
      client: this.#client,
      path: '/api/v1/secrets',
      fieldSelector: 'type=kubernetes.io/tls',
      project: (object) => ({ filled: isFilled(object) }),
      onUpsert: (key, { filled }) => this.#observe(key, filled),
      onDelete: (key) => this.#filledAt.delete(key),
      onSynced,
      clock: systemClock,
      signal: this.#stopping.signal,
    });
    this.#reflector.start();
  }

  /** @param kubeconfig path */
  static async start(kubeconfig: string): Promise<SecretWatch> {
    const synced = Promise.withResolvers<void>();
    const watch = new SecretWatch(kubeconfig, synced.resolve);
    await synced.promise;
    return watch;
  }

  /**
   * Waits until the Secret of this member holds a certificate.
   * @returns when it was seen to, by performance.now()
   */
  async filled({ namespace, secretName }: Member): Promise<number> {
    const key = `${namespace}/${secretName}`;
    const already = this.#filledAt.get(key);
    if (already !== undefined) return already;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(() => {
      reject(new Error(`Secret ${key} was not filled within ${patience / 1000} s`));
    }, patience);
    this.#waiting.set(key, resolve);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#reflector.stopped();
    await this.#client.close();
  }

  #observe(key: string, filled: boolean): void {
    if (!filled) return;
    const at = performance.now();
    this.#filledAt.set(key, at);
    this.#waiting.get(key)?.(at);
  }
}

/** Not with the placeholder of a listener, which comes before the certificate. */
function isFilled(secret: unknown): boolean {
  const placeholder = stringField(
    recordField(recordField(secret, 'metadata'), 'annotations'),
    'kube-lego.io/placeholder',
  );
  const waits = placeholder !== undefined && placeholder !== 'replaced';
  return !waits && (stringField(recordField(secret, 'data'), 'tls.crt') ?? '') !== '';
}
