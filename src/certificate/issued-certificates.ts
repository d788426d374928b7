import type { Vault } from './vault.ts';

/**
 * Certificates that are issued but not stored yet. Machines know only the id of the key; the chain is here and the key in the
 * vault, until the round ends.
 */
export class IssuedCertificates {
  readonly #vault: Vault;
  readonly #chains = new Map<string, string>();
  readonly #keysByRound = new Map<string, string>();

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** The key belongs to the round and ends with it. */
  holdKey(round: string, keyId: string): void {
    this.#keysByRound.set(round, keyId);
  }

  add(keyId: string, chainPem: string): void {
    this.#chains.set(keyId, chainPem);
  }

  /** @throws Error for an id that was never added or whose round has ended */
  get(keyId: string): { readonly chainPem: string; readonly keyPem: string } {
    const chainPem = this.#chains.get(keyId);
    if (chainPem === undefined) throw new Error(`no certificate is known for key ${keyId}`);
    return { chainPem, keyPem: this.#vault.keyPem(keyId) };
  }

  /** Forgets the certificates of the round. */
  release(round: string): void {
    const keyId = this.#keysByRound.get(round);
    if (keyId === undefined) return;
    this.#keysByRound.delete(round);
    this.#chains.delete(keyId);
    this.#vault.destroy(keyId);
  }
}
