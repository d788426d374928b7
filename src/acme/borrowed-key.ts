import type { AccountSecret, AccountSecretStore } from './account-secret.ts';

/**
 * The account Secret for an account of the same key at another CA: the key is that of the Secret, what is recorded of the
 * registration stays in memory. So nothing is ever written into the Secret, and no second key is made.
 */
export class BorrowedKey implements AccountSecretStore {
  readonly name: string;
  readonly #owner: AccountSecretStore;
  #registration: Readonly<Record<string, Buffer>> = {};

  constructor(owner: AccountSecretStore) {
    this.name = owner.name;
    this.#owner = owner;
  }

  async read(signal: AbortSignal): Promise<AccountSecret | undefined> {
    const secret = await this.#owner.read(signal);
    if (secret === undefined) return undefined;
    const key = secret.data['tls.key'];
    return { ...secret, data: { ...(key === undefined ? {} : { 'tls.key': key }), ...this.#registration } };
  }

  /** Keys are made by the owner only. */
  create(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  update(secret: AccountSecret, data: Readonly<Record<string, Buffer>>): Promise<AccountSecret> {
    this.#registration = data;
    return Promise.resolve({ ...secret, data: { ...secret.data, ...data } });
  }
}
