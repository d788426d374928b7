import { isForeign } from '../../../machines/assessment/secret-facts.ts';
import { parseSourceKey } from '../../../machines/ownership/source-key.ts';
import { occasions } from '../../../machines/reasons/event-reasons.ts';
import { sentences } from '../../../machines/reasons/sentences.ts';
import type { RevocationState } from '../../../machines/revocation/revocation.ts';
import type { CertificateAuthority } from '../../authority/certificate-authority.ts';
import { readLeaf } from '../../certificate/leaf.ts';
import { SecretEntries } from '../../kubernetes/records/secret-entries.ts';
import { keyFingerprintOf, type RevocationEntry } from '../../revocation/revocation-entry.ts';
import { RevocationRegister } from '../../revocation/revocation-register.ts';
import { Revoker } from '../../revocation/revoker.ts';
import { factsOf } from '../../secret/secret-reading.ts';
import type { Cluster } from '../cluster.ts';
import type { Runtime } from '../runtime.ts';
import type { Actors } from './actors.ts';
import { recheckWrites } from './recheck-writes.ts';

export interface RevocationsOptions {
  readonly cluster: Cluster;
  readonly ca: CertificateAuthority;
  /** Whether somebody wants a certificate in this Secret, as far as is known. */
  readonly isWanted: (secret: { readonly namespace: string; readonly secretName: string }) => boolean;
  readonly actors: () => Pick<Actors, 'supervisor' | 'ingresses'>;
}

/** The revocations that operators have requested. */
export interface Revocations {
  readonly register: RevocationRegister;
  /** Works them off until the runtime's signal is aborted. */
  tend(): Promise<void>;
}

export function setUpRevocations(
  { clock, config, log, signal }: Runtime,
  { cluster, ca, isWanted, actors }: RevocationsOptions,
): Revocations {
  const { client, events, observerOf, secrets } = cluster;
  const store = new SecretEntries(
    client,
    config.namespace,
    'revocations',
    config.objectMetadata,
    observerOf('revocations'),
  );
  const register = new RevocationRegister({
    store,
    clock,
    onDamage: (trouble) => log.error(trouble),
  });
  const revoker = new Revoker({
    register,
    revoke: (certificate, limit) => ca.revoke(certificate, limit),
    async look(entry, limit) {
      const stored = await secrets.read(entry.namespace, entry.secretName, limit);
      const facts = factsOf(stored);
      const leaf = readLeaf(stored?.certificatePem);
      return {
        same: leaf !== undefined && keyFingerprintOf(leaf.publicKey) === entry.keyFingerprint,
        replaceable: facts.kind === 'present' && !isForeign(facts) && isWanted(entry),
      };
    },
    onForbidden: ({ namespace, secretName }) =>
      actors().supervisor.send({ type: 'SECRET_CHANGED', namespace, secretName }),
    onEnd(entry, state) {
      const { namespace, secretName: secret, serial, reason } = entry;
      const { isFailure, message } = endOf(entry, state);
      log[isFailure ? 'error' : 'warn']({ secret: `${namespace}/${secret}`, serial, why: reason }, message);
      const source = ownerOf(entry, actors());
      if (source === undefined) return;
      const type = isFailure ? 'Warning' : 'Normal';
      events.publish({
        source,
        type,
        reason: isFailure ? 'RevocationFailed' : 'CertificateRevoked',
        message,
      });
    },
    onTrouble: (error) => log.warn(error, 'A revocation is not done yet; kube-lego tries again.'),
    clock,
    ca,
    signal,
  });
  return {
    register,
    tend: async () => {
      await Promise.all([revoker.tend(), recheckWrites({ clock, signal }, store)]);
    },
  };
}

/** The source that owns the Secret, for Events; undefined if it has no actor. */
function ownerOf(
  { namespace, secretName }: RevocationEntry,
  { ingresses, supervisor }: Pick<Actors, 'supervisor' | 'ingresses'>,
) {
  const key = supervisor.getSnapshot().context.ownership.ownerOf(namespace, secretName);
  const uid = key && ingresses.get(key)?.getSnapshot().context.uid;
  return key === undefined || uid === undefined ? undefined : { ...parseSourceKey(key), uid };
}

function endOf({ reason, secretName, serial }: RevocationEntry, state: RevocationState) {
  const which = `The certificate with serial number ${serial}, once in Secret ${secretName},`;
  if (state.phase === 'failed') {
    const words = `${which} is not revoked: ${state.message}`;
    return { isFailure: true, message: sentences(words, occasions.RevocationFailed.remedy) };
  }
  const already = state.phase === 'revoked' && state.already === true;
  return {
    isFailure: false,
    message: `${which} ${already ? 'had been revoked before' : 'is revoked'} (${reason}).`,
  };
}
