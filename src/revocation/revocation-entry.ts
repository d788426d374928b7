import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import {
  isRevocationReason,
  type Revocation,
  type RevocationState,
} from '../../machines/revocation/revocation.ts';
import { arrayField, isRecord, parsedJson, recordField, stringField } from '../process/json.ts';

/** A revocation with its certificate. */
export interface RevocationEntry extends Revocation {
  /** Of the certificate, as the record of holders has it. */
  readonly fingerprint: string;
  /** See `keyFingerprintOf`. */
  readonly keyFingerprint: string;
  /** The names of the certificate. */
  readonly hosts: readonly string[];
  /** Serial number, hexadecimal. */
  readonly serial: string;
  /** The certificate, PEM, and its private key, if it is known; neither when the revocation has ended. */
  readonly certificatePem?: string | undefined;
  readonly keyPem?: string | undefined;
}

const version = 1;
const mostHosts = 20;

/** Tells a public key: the base64url SHA-256 of its SubjectPublicKeyInfo. */
export function keyFingerprintOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'base64url');
}

/** The entry as text. */
export function writeRevocation({
  fingerprint: _,
  requestedAt,
  notAfter,
  state,
  ...entry
}: RevocationEntry): string {
  const times = { requestedAt: iso(requestedAt), notAfter: iso(notAfter) };
  const hosts = entry.hosts.slice(0, mostHosts);
  return JSON.stringify({
    version,
    ...entry,
    hosts,
    ...times,
    state: 'at' in state ? { ...state, at: iso(state.at) } : state,
  });
}

/** @returns undefined if the text is no entry of this version */
export function readRevocation(fingerprint: string, text: string): RevocationEntry | undefined {
  const value = parsedJson(text);
  if (!isRecord(value) || value['version'] !== version) return undefined;
  const namespace = stringField(value, 'namespace');
  const secretName = stringField(value, 'secretName');
  const reason = stringField(value, 'reason');
  const keyFingerprint = stringField(value, 'keyFingerprint');
  const serial = stringField(value, 'serial');
  const requestedAt = timeOf(value, 'requestedAt');
  const notAfter = timeOf(value, 'notAfter');
  const state = readState(recordField(value, 'state'));
  if (namespace === undefined || secretName === undefined || serial === undefined) return undefined;
  if (keyFingerprint === undefined || !isRevocationReason(reason) || state === undefined) return undefined;
  if (Number.isNaN(requestedAt) || Number.isNaN(notAfter)) return undefined;
  const certificatePem = stringField(value, 'certificatePem');
  const keyPem = stringField(value, 'keyPem');
  return {
    fingerprint,
    namespace,
    secretName,
    reason,
    replaceFirst: value['replaceFirst'] !== false,
    requestedAt,
    notAfter,
    state,
    keyFingerprint,
    hosts: arrayField(value, 'hosts').filter((host) => typeof host === 'string'),
    serial,
    ...(certificatePem === undefined ? {} : { certificatePem }),
    ...(keyPem === undefined ? {} : { keyPem }),
  };
}

function readState(value: unknown): RevocationState | undefined {
  const at = timeOf(value, 'at');
  const phase = stringField(value, 'phase');
  switch (phase) {
    case 'requested':
      return { phase };
    case 'replacing':
      return Number.isNaN(at) ? undefined : { phase, at };
    case 'revoking': {
      const trouble = stringField(value, 'trouble');
      return { phase, ...(trouble === undefined ? {} : { trouble }) };
    }
    case 'revoked':
      if (Number.isNaN(at)) return undefined;
      return { phase, at, ...(isRecord(value) && value['already'] === true ? { already: true } : {}) };
    case 'failed':
      return Number.isNaN(at) ? undefined : { phase, at, message: stringField(value, 'message') ?? '' };
    default:
      return undefined;
  }
}

function timeOf(value: unknown, field: string): number {
  return Date.parse(stringField(value, field) ?? '');
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
