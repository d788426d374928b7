import { parsedJson, stringField } from '../../process/json.ts';
import {
  type AccountKey,
  type AccountKeyType,
  accountKeyTypes,
  generateAccountKey,
  readAccountKey,
} from '../protocol/account-key.ts';
import { AccountError } from './account-error.ts';

/** The Secret with the account key, as read. */
export interface AccountSecret {
  readonly data: Readonly<Record<string, Buffer>>;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Milliseconds since the epoch. */
  readonly createdAt?: number | undefined;
}

/** Fields of the account Secret to set, and to remove. */
export type AccountChanges = Readonly<Record<string, Buffer | undefined>>;

/** Persistent storage of the account key; `src/kubernetes` uses a Secret. Its errors are passed on. */
export interface AccountSecretStore {
  /** For messages: `NAMESPACE/NAME`. */
  readonly name: string;
  /** Undefined only if the Secret does not exist (404). */
  read(signal: AbortSignal): Promise<AccountSecret | undefined>;
  /** Undefined if it exists already. */
  create(data: Readonly<Record<string, Buffer>>, signal: AbortSignal): Promise<AccountSecret | undefined>;
  /** Sets these keys, removes those without a value, and keeps all others; undefined on a conflict with `current`. */
  update(
    current: AccountSecret,
    data: AccountChanges,
    signal: AbortSignal,
  ): Promise<AccountSecret | undefined>;
}

/** The parsed account Secret. */
export interface StoredAccount {
  readonly key: AccountKey;
  /** The account URL, if recorded for this directory; ignored for another one, or for ACME v1 (2016). */
  readonly url: string | undefined;
  /** An account with this key is recorded, at this CA or another. */
  readonly registered: boolean;
  /** Milliseconds since the epoch until which the CA of this directory refuses to register; may be in the past. */
  readonly refusedUntil: number | undefined;
  /** The key that is to take the place of `key`, if an operator has requested that. */
  readonly nextKey: AccountKey | undefined;
  /** What became of the last request for another key. */
  readonly rollover: RolloverState | undefined;
}

/** How far the change of the account key is. `at`: milliseconds since the epoch. */
export interface RolloverState {
  /** `draining`: orders that have begun are still signed with the old key. */
  readonly phase: 'draining' | 'changed' | 'refused';
  readonly at: number;
  /** Why it is refused. */
  readonly message?: string | undefined;
}

export const keyField = 'tls.key';
/** Of the fields of the account that the same key has at the staging CA. */
export const borrowedPrefix = 'rehearsal-';
const urlField = 'acme-registration-url';
const directoryField = 'acme-directory-url';
/** Of this version at any CA, and of the kube-lego of 2016. */
const registrationField = /acme-registration(?:-url|\.json)$/;
/** Until the CA has accepted it beside the current one. */
const nextKeyField = 'acme-next-key';
const rolloverField = 'acme-rollover';
/** `TIME DIRECTORY`. */
const refusalField = 'acme-registration-refused-until';

/** Reads the account Secret of this version or of the Go kube-lego. @throws AccountError `unusable-secret` */
export function readStoredAccount(secret: AccountSecret, name: string, directoryUrl: string): StoredAccount {
  const url = secret.data[urlField]?.toString('utf8').trim();
  const known = secret.data[directoryField]?.toString('utf8').trim() === directoryUrl;
  return {
    key: readKey(secret, name),
    url: known && url !== '' ? url : undefined,
    registered: Object.keys(secret.data).some((field) => registrationField.test(field)),
    refusedUntil: readRefusal(secret, directoryUrl),
    nextKey: readNextKey(secret),
    rollover: readRollover(secret),
  };
}

/** A new account key, as the data of a new account Secret. */
export async function newAccountData(
  type: AccountKeyType = accountKeyTypes[0],
): Promise<Record<string, Buffer>> {
  return { [keyField]: Buffer.from(await generateAccountKey(type)) };
}

/** The data of a request for this key, PEM, to take the place of the current one; for `AccountSecretStore.update`. */
export function nextKeyData(keyPem: string): AccountChanges {
  return { [nextKeyField]: Buffer.from(keyPem), [rolloverField]: undefined };
}

/** The data of a request that is worked on. */
export function rolloverData(state: RolloverState): AccountChanges {
  return { [rolloverField]: Buffer.from(JSON.stringify({ ...state, at: new Date(state.at).toISOString() })) };
}

/** The data of a request that the CA has refused. */
export function refusedKeyData(state: RolloverState): AccountChanges {
  return { [nextKeyField]: undefined, ...rolloverData(state) };
}

/** The data of a key that the CA has accepted in the place of the old one, which is the account's nowhere else. */
export function changedKeyData({ data }: AccountSecret, state: RolloverState): AccountChanges {
  const registrations = Object.keys(data).filter((field) => field.startsWith(borrowedPrefix));
  return {
    ...Object.fromEntries(registrations.map((field) => [field, undefined])),
    [keyField]: data[nextKeyField],
    [nextKeyField]: undefined,
    ...rolloverData(state),
  };
}

/** The data of a registration, for `AccountSecretStore.update`. */
export function registrationData(url: string, directoryUrl: string): Record<string, Buffer> {
  return { [urlField]: Buffer.from(url), [directoryField]: Buffer.from(directoryUrl) };
}

/** The data of a refused registration, for `AccountSecretStore.update`. */
export function refusalData(until: number, directoryUrl: string): Record<string, Buffer> {
  return { [refusalField]: Buffer.from(`${new Date(until).toISOString()} ${directoryUrl}`) };
}

function readRefusal({ data }: AccountSecret, directoryUrl: string): number | undefined {
  const [time = '', directory] = data[refusalField]?.toString('utf8').trim().split(' ') ?? [];
  const until = Date.parse(time);
  return directory === directoryUrl && Number.isFinite(until) ? until : undefined;
}

/** A request with an unusable key is none. */
function readNextKey({ data }: AccountSecret): AccountKey | undefined {
  try {
    return readAccountKey(data[nextKeyField]?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}

function readRollover({ data }: AccountSecret): RolloverState | undefined {
  const value = parsedJson(data[rolloverField]?.toString('utf8') ?? '');
  const at = Date.parse(stringField(value, 'at') ?? '');
  const phase = stringField(value, 'phase');
  if (Number.isNaN(at) || (phase !== 'draining' && phase !== 'changed' && phase !== 'refused'))
    return undefined;
  return { phase, at, message: stringField(value, 'message') };
}

function readKey({ data }: AccountSecret, name: string): AccountKey {
  try {
    return readAccountKey(data[keyField]?.toString('utf8') ?? '');
  } catch (error) {
    throw new AccountError(
      'unusable-secret',
      `Secret ${name} exists, but its ${keyField} is not a usable private key (RSA or EC, PEM). ` +
        'Restore the key, or delete the Secret to register a new account.',
      { cause: error },
    );
  }
}
