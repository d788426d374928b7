import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import { generateKey } from './key.ts';

/** Half of libuv's four threads, so that DNS look-ups and file reads find a free one. */
const rsaKeysAtOnce = 2;

/**
 * Holds private keys while certificates are being ordered. Machines, snapshots and events contain only the id, so no key
 * reaches an inspector or a log.
 */
export class Vault {
  readonly #keys = new Map<string, string>();
  readonly #generate: (type: KeyType) => Promise<string>;
  readonly #rsaLimit = pLimit(rsaKeysAtOnce);

  constructor(generate: (type: KeyType) => Promise<string> = generateKey) {
    this.#generate = generate;
  }

  /** Number of keys held. */
  get size(): number {
    return this.#keys.size;
  }

  /** Creates a key and returns its random id. */
  async create(type: KeyType): Promise<string> {
    const generate = (): Promise<string> => this.#generate(type);
    return this.hold(await (type === 'ec-p256' ? generate() : this.#rsaLimit(generate)));
  }

  /** Takes a key that exists already, PKCS#8 PEM, and returns its random id. */
  hold(keyPem: string): string {
    const id = randomUUID();
    this.#keys.set(id, keyPem);
    return id;
  }

  /**
   * The private key, PKCS#8 PEM.
   * @throws Error for an unknown or destroyed id
   */
  keyPem(id: string): string {
    const keyPem = this.#keys.get(id);
    if (keyPem === undefined) throw new Error(`The vault has no key ${id}.`);
    return keyPem;
  }

  /** Forgets the key; does nothing for an unknown id. */
  destroy(id: string): void {
    this.#keys.delete(id);
  }
}
