import {
  type AccountChanges,
  type AccountSecret,
  type AccountSecretStore,
  keyField,
  borrowedPrefix as prefix,
} from './account-secret.ts';

/**
 * The account Secret as seen by the staging CA: the same key, and the fields of its registration prefixed with `rehearsal-`. No
 * second key is made.
 */
export class BorrowedKey implements AccountSecretStore {
  readonly name: string;
  readonly #owner: AccountSecretStore;

  constructor(owner: AccountSecretStore) {
    this.name = owner.name;
    this.#owner = owner;
  }

  async read(signal: AbortSignal): Promise<AccountSecret | undefined> {
    return borrowed(await this.#owner.read(signal));
  }

  /** Only the owner creates keys. */
  create(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async update(
    secret: AccountSecret,
    data: AccountChanges,
    signal: AbortSignal,
  ): Promise<AccountSecret | undefined> {
    const fields = Object.entries(data).map(([field, value]) => [`${prefix}${field}`, value] as const);
    return borrowed(await this.#owner.update(secret, Object.fromEntries(fields), signal));
  }
}

function borrowed(secret: AccountSecret | undefined): AccountSecret | undefined {
  if (secret === undefined) return undefined;
  const fields = Object.entries(secret.data).flatMap(([field, value]): [string, Buffer][] => {
    if (field === keyField) return [[field, value]];
    return field.startsWith(prefix) ? [[field.slice(prefix.length), value]] : [];
  });
  return { ...secret, data: Object.fromEntries(fields) };
}
