import type {
  AccountChanges,
  AccountSecret,
  AccountSecretStore,
} from '../../src/acme/account/account-secret.ts';

/** An account Secret in memory, with resource versions as the API server counts them. */
export class MemoryStore implements AccountSecretStore {
  readonly name = 'kube-lego/kube-lego-account';
  readonly history: string[] = [];
  #version = 0;
  #secret: AccountSecret | undefined;

  constructor(data?: Readonly<Record<string, string>>) {
    if (data !== undefined) {
      this.#write(Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value)])));
    }
  }

  text(key: string): string | undefined {
    return this.#secret?.data[key]?.toString();
  }

  /** Somebody else changes something. */
  touch(): void {
    this.#write(this.#secret?.data ?? {});
  }

  read(): Promise<AccountSecret | undefined> {
    return Promise.resolve(this.#secret);
  }

  create(data: Readonly<Record<string, Buffer>>): Promise<AccountSecret | undefined> {
    if (this.#secret !== undefined) return Promise.resolve(undefined);
    this.history.push(`create ${Object.keys(data).join(' ')}`);
    return Promise.resolve(this.#write(data));
  }

  update(current: AccountSecret, data: AccountChanges): Promise<AccountSecret | undefined> {
    if (this.#secret?.resourceVersion !== current.resourceVersion) return Promise.resolve(undefined);
    this.history.push(`update ${Object.keys(data).join(' ')}`);
    const all: [string, Buffer | undefined][] = Object.entries({ ...this.#secret.data, ...data });
    const kept = all.flatMap(([key, value]): [string, Buffer][] =>
      value === undefined ? [] : [[key, value]],
    );
    return Promise.resolve(this.#write(Object.fromEntries(kept)));
  }

  #write(data: Readonly<Record<string, Buffer>>): AccountSecret {
    this.#version += 1;
    this.#secret = { data, uid: 'uid', resourceVersion: String(this.#version) };
    return this.#secret;
  }
}
