import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import { generateKey } from './key.ts';

/** Half of libuv's four threads: name look-ups and file reads wait for the others. */
const rsaKeysAtOnce = 2;

/**
 * Where private keys are while a certificate is being ordered. Machines, snapshots and events carry only the id, so no
 * key can get into an inspector or a log with them.
 */
export class Vault {
  readonly #keys = new Map<string, string>();
  readonly #generate: (type: KeyType) => Promise<string>;
  readonly #rsaLimit = pLimit(rsaKeysAtOnce);

  constructor(generate: (type: KeyType) => Promise<string> = generateKey) {
    this.#generate = generate;
  }

  /** How many keys are held. */
  get size(): number {
    return this.#keys.size;
  }

  /** Makes a key and returns its id, which says nothing about the key. */
  async create(type: KeyType): Promise<string> {
    const generate = (): Promise<string> => this.#generate(type);
    const keyPem = await (type === 'ec-p256' ? generate() : this.#rsaLimit(generate));
    const id = randomUUID();
    this.#keys.set(id, keyPem);
    return id;
  }

  /**
   * The private key, PKCS#8 PEM.
   * @throws Error for an id that was never given out or is destroyed
   */
  keyPem(id: string): string {
    const keyPem = this.#keys.get(id);
    if (keyPem === undefined) throw new Error(`There is no key ${id} in the vault (any more).`);
    return keyPem;
  }

  /** Forgets the key; does nothing for an unknown id. */
  destroy(id: string): void {
    this.#keys.delete(id);
  }
}
