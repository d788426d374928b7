// In words: what others have to do with the Secrets that a source names.

import { someOf } from '../reasons/foreign-text.ts';
import type { Failure } from '../reasons/reasons.ts';
import { type RecordedFailure, recordedFailure } from '../reasons/status-text.ts';
import type { SourceRecord } from './claim.ts';
import type { DesiredCertificate } from './desired-certificate.ts';
import type { SecretClaims } from './secret-claims.ts';
import { parseSourceKey } from './source-key.ts';
import { refusedSettings, type WantedSecret } from './source-reading.ts';

/** Notices of one kind for one Secret. */
const mostAlike = 20;

/** Notices of an Ingress about a Secret that it names: its owner, and the hosts that are left out. */
export function noticesAbout(
  { secretName, owner, refused, trouble }: SecretClaims,
  record: SourceRecord,
  { hosts, heldOnly, unprovable = [], shares }: WantedSecret,
  mostNames: number,
): Failure[] {
  const notices: Failure[] = [];
  if (owner !== undefined && owner !== record) {
    const message = `Secret ${secretName} is owned by ${described(owner, record)}.`;
    notices.push({ code: 'SecretOwnedByOther', message });
    if (trouble !== undefined) {
      // As it is recorded, so that it is the same after a restart.
      const recorded = recordedFailure(trouble);
      notices.push({ ...recorded, message: openingOfTrouble(secretName, owner, record) + recorded.message });
    }
  }
  // An entry of which only some hosts are accepted has its own notice.
  const left =
    heldOnly || refused.size === 0
      ? []
      : hosts.filter((host) => refused.has(host) && !unprovable.includes(host));
  if (left.length === 0) return notices;
  const [refusal] = owner === undefined ? [] : refusedSettings(owner.source);
  if (owner !== undefined && refusal !== undefined) {
    const message = `Secret ${secretName} gets no new hosts: a setting of ${owner.source.kind} ${owner.source.name}, which owns it, is refused.`;
    return [...notices, { code: refusal.code, message }];
  }
  const limit =
    shares === undefined
      ? `would need a certificate for more hosts than the CA allows, ${mostNames}`
      : `gets a certificate for ${mostNames} hosts at most, and each namespace with HTTPRoutes as many of these as it leaves free for others`;
  const message = `Secret ${secretName} ${limit}. Left out: ${someOf(left)}.`;
  return [...notices, { code: 'TooManyHosts', message }];
}

/** The failure of a Secret as a source that shares it was told, by `noticesAbout`; undefined if it was told of none. */
export function troubleTold(
  notices: readonly RecordedFailure[],
  { secretName, owner }: SecretClaims,
  record: SourceRecord,
): RecordedFailure | undefined {
  if (owner === undefined || owner === record) return undefined;
  const opening = openingOfTrouble(secretName, owner, record);
  const notice = notices.find(({ message }) => message.startsWith(opening));
  return notice && { ...notice, message: notice.message.slice(opening.length) };
}

function openingOfTrouble(secretName: string, owner: SourceRecord, record: SourceRecord): string {
  return `Secret ${secretName} of ${described(owner, record)}: `;
}

function described({ source: { kind, name, createdAt } }: SourceRecord, sharer: SourceRecord): string {
  const age = createdAt < sharer.source.createdAt ? 'older' : 'equally old';
  return `the ${age} ${kind} ${name}`;
}

/** Without the name of an Ingress of another namespace: an app team is not told whose a host is. */
export function noticesOfOthersServed({ namespace, hosts }: DesiredCertificate): Failure[] {
  return hosts
    .flatMap(({ host, servedInstead }): Failure[] => {
      if (servedInstead === undefined) return [];
      const { source, secretName, age, certain } = servedInstead;
      const other = parseSourceKey(source);
      const isNeighbour = other.namespace === namespace;
      const secret = secretName === '' ? 'no Secret' : `Secret ${secretName}`;
      const whose =
        (isNeighbour
          ? `${secret} of ${other.kind} ${other.name}`
          : 'the Secret of an Ingress of another namespace') +
        (age === 'older' ? ', which is older' : ', which is of the same second');
      const verb = certain ? 'serves' : age === 'older' ? 'probably serves' : 'may serve';
      const message = `The ingress controller ${verb} host ${host} with ${whose}, not with this certificate.`;
      return [{ code: 'ServedByOther', message, host }];
    })
    .slice(0, mostAlike);
}
