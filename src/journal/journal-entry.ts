import { type Exemption, exemptions } from '../../machines/ledger/blocks.ts';
import { isKeyType, type KeyType } from '../../machines/ownership/desired-certificate.ts';
import { arrayField, isRecord, parsedJson, stringField } from '../process/json.ts';

/** What makes two orders one: Let's Encrypt answers the second with the first one's. */
export interface OrderSet {
  readonly directoryUrl: string;
  readonly profile: string | undefined;
  /** Lower case, A-labels, each once, sorted. */
  readonly hosts: readonly string[];
}

/** An order at a CA, from before it is asked for until its certificate is stored. */
export interface JournalEntry extends OrderSet {
  /** Random. */
  readonly id: string;
  /** Private key of the certificate, PKCS#8 PEM. */
  readonly keyPem: string;
  readonly keyType: KeyType;
  /** Of the Secret that the certificate is for. */
  readonly namespace: string;
  readonly secretName: string;
  /** By which the CA may count the order. */
  readonly exemption: Exemption;
  /** When it was begun, in milliseconds since the epoch. */
  readonly begunAt: number;
  /** URL of the order; undefined while the CA has not told it. */
  readonly orderUrl: string | undefined;
  /** The CA has asked not to be asked about the order before this, in milliseconds since the epoch by its clock. */
  readonly waitUntil?: number | undefined;
}

const version = 1;
const namePattern = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?$/;

/** Equal for two entries of the same set. */
export function keyOfSet({ directoryUrl, profile, hosts }: OrderSet): string {
  return JSON.stringify([directoryUrl, profile ?? '', ...hosts]);
}

/** Whether this private key, as it is in a Secret, is that of the order: then its certificate has been stored there. */
export function hasKey({ keyPem }: Pick<JournalEntry, 'keyPem'>, stored: Buffer | undefined): boolean {
  return keyPem.trim() === stored?.toString().trim();
}

/** The entry as text. */
export function writeEntry({ id: _, begunAt, waitUntil, ...entry }: JournalEntry): string {
  const times = { begunAt: iso(begunAt), waitUntil: waitUntil === undefined ? undefined : iso(waitUntil) };
  return JSON.stringify({ version, ...entry, ...times });
}

/**
 * @returns undefined if the text is not an entry of this version, a field of it is damaged, or its key cannot be used: part of an entry
 *   would be another order
 */
export function readEntry(
  id: string,
  text: string,
  isPrivateKey: (pem: string) => boolean,
): JournalEntry | undefined {
  const value = parsedJson(text);
  if (!isRecord(value) || value['version'] !== version) return undefined;
  const directoryUrl = stringField(value, 'directoryUrl');
  const keyPem = stringField(value, 'keyPem');
  const keyType = stringField(value, 'keyType');
  const namespace = stringField(value, 'namespace');
  const secretName = stringField(value, 'secretName');
  const begunAt = timeField(value, 'begunAt');
  const hosts = arrayField(value, 'hosts').filter((host) => typeof host === 'string');
  if (directoryUrl === undefined || namespace === undefined || secretName === undefined) return undefined;
  if (keyPem === undefined || !isPrivateKey(keyPem)) return undefined;
  if (keyType === undefined || !isKeyType(keyType)) return undefined;
  const names = [...hosts, namespace, secretName];
  if (hosts.length === 0 || hosts.length !== arrayField(value, 'hosts').length || !names.every(isName))
    return undefined;
  const waitUntil = timeField(value, 'waitUntil');
  const isDamaged = ['orderUrl', 'profile', 'waitUntil'].some(
    (field) => Object.hasOwn(value, field) && stringField(value, field) === undefined,
  );
  if (begunAt === undefined || Number.isNaN(begunAt) || Number.isNaN(waitUntil) || isDamaged)
    return undefined;
  const orderUrl = stringField(value, 'orderUrl');
  // A CA that cannot be asked about its order would be waited for.
  if (orderUrl !== undefined && !/^https?:/.test(URL.parse(orderUrl)?.protocol ?? '')) return undefined;
  return {
    id,
    directoryUrl,
    profile: stringField(value, 'profile'),
    hosts: hosts.toSorted(),
    namespace,
    secretName,
    keyPem,
    keyType,
    // Without a known one, all limits count it.
    exemption: exemptions.find((name) => name === value['exemption']) ?? 'none',
    begunAt,
    orderUrl,
    ...(waitUntil === undefined ? {} : { waitUntil }),
  };
}

/** Of a host or an object: it goes into messages. */
function isName(text: string): boolean {
  return namePattern.test(text);
}

/** NaN for a text that is no time. */
function timeField(value: unknown, field: string): number | undefined {
  const text = stringField(value, field);
  return text === undefined ? undefined : Date.parse(text);
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
