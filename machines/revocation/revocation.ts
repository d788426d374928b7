// Revocations that an operator has requested: what each still needs, and which certificates must not be served any more. Pure; the
// effects are in src/revocation.

import { hour } from '../time/durations.ts';

/** Why a certificate is revoked: what CAs accept of RFC 5280 section 5.3.1, with its code there. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  superseded: 4,
  cessationOfOperation: 5,
} as const;

export type RevocationReason = keyof typeof revocationReasons;

export function isRevocationReason(text: string | undefined): text is RevocationReason {
  return text !== undefined && Object.hasOwn(revocationReasons, text);
}

/** How far a revocation is. Times in milliseconds since the epoch. */
export type RevocationState =
  | { readonly phase: 'requested' }
  /** Its Secret is to get another certificate first, since then by the clock of the process that leads. */
  | { readonly phase: 'replacing'; readonly at: number }
  /** The CA is asked; `trouble`: why it has not answered yet. */
  | { readonly phase: 'revoking'; readonly trouble?: string | undefined }
  /** `already`: it had been revoked before. */
  | { readonly phase: 'revoked'; readonly at: number; readonly already?: boolean | undefined }
  /** The CA has refused it for good, and says why. */
  | { readonly phase: 'failed'; readonly at: number; readonly message: string };

/** A revocation that an operator has requested, of the certificate that was in this Secret. */
export interface Revocation {
  readonly namespace: string;
  readonly secretName: string;
  readonly reason: RevocationReason;
  /** Not before its Secret has another certificate. */
  readonly replaceFirst: boolean;
  /** Milliseconds since the epoch, by the clock of the operator's machine: nothing is judged by it. */
  readonly requestedAt: number;
  /** End of the certificate, milliseconds since the epoch. */
  readonly notAfter: number;
  readonly state: RevocationState;
}

/** The Secret of the certificate, as it is now. */
export interface ServedSecret {
  /** It still has a certificate with the same key. */
  readonly same: boolean;
  /** kube-lego will put another certificate there: an Ingress asks for it, and the Secret is ours. */
  readonly replaceable: boolean;
}

/** A CA has a day to revoke the certificate of a compromised key (CA/Browser Forum, Baseline Requirements 4.9.1.1). */
const longestReplacement = 24 * hour;
/** Revocations that have ended and are still remembered. */
export const mostEnded = 1000;

export function isEnded({ state }: Pick<Revocation, 'state'>): boolean {
  return state.phase === 'revoked' || state.phase === 'failed';
}

/**
 * What a revocation needs now. Until a new certificate is there, the old one is served and valid; no longer than a day.
 * @param now milliseconds since the epoch
 */
export function nextStep(
  revocation: Revocation,
  { same, replaceable }: ServedSecret,
  now: number,
): 'nothing' | 'replace' | 'revoke' {
  const { notAfter, replaceFirst, state } = revocation;
  if (isEnded(revocation)) return 'nothing';
  // The CA may have revoked it already.
  if (state.phase === 'revoking' || !replaceFirst) return 'revoke';
  const begun = state.phase === 'replacing' ? state.at : now;
  const isOverdue = now >= Math.min(begun + longestReplacement, notAfter);
  return same && replaceable && !isOverdue ? 'replace' : 'revoke';
}

/** Whether a Secret with the certificate, or with its key, is to get another one. A compromised key stays one, whatever the CA says. */
export function forbidsServing({ reason, state }: Pick<Revocation, 'reason' | 'state'>): boolean {
  return reason === 'keyCompromise' || state.phase !== 'failed';
}

/**
 * Who signs the request, in the order in which the CA is asked. A CA believes in a compromise that is shown by the key itself and
 * certifies that key no more (Let's Encrypt takes every revocation by the key for that), so any other reason is given by the account
 * as long as it may.
 */
export function signersOf(reason: RevocationReason, hasKey: boolean): readonly ('account' | 'key')[] {
  if (!hasKey) return ['account'];
  return reason === 'keyCompromise' ? ['key', 'account'] : ['account', 'key'];
}

/**
 * The ended revocations to forget: those of certificates that have expired, unless the key is compromised, and the oldest ones beyond
 * `mostEnded`.
 * @param now milliseconds since the epoch
 */
export function toForget<T extends Revocation>(all: Iterable<T>, now: number): T[] {
  const ended = [...all].filter(isEnded).toSorted((one, other) => other.requestedAt - one.requestedAt);
  return ended.filter(
    ({ notAfter, reason }, index) => index >= mostEnded || (notAfter <= now && reason !== 'keyCompromise'),
  );
}
