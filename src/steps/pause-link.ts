import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { parseSourceKey } from '../../machines/ownership/source-key.ts';
import type { SourceEvent } from '../kubernetes/records/events.ts';

/**
 * The Event that tells the owner of a source how to unpause its names. The link is a capability for the account: it goes from the CA's
 * answer into this Event only, never into an actor, log, status or metric.
 */
export function pauseLinkEvent(
  { source, sourceUid, desired }: Pick<CertificateInput, 'source' | 'sourceUid' | 'desired'>,
  link: string,
): SourceEvent {
  return {
    source: { ...parseSourceKey(source), uid: sourceUid },
    type: 'Warning',
    reason: 'PauseLink',
    message: `The CA has paused a name of Secret ${desired.secretName}. When its host is fixed, open this link, then set kube-lego.io/retry to a new value:`,
    link,
  };
}
