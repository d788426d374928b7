import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { parseSourceKey } from '../../machines/ownership/source-key.ts';
import type { SourceEvent } from '../kubernetes/records/events.ts';

/**
 * Tells the owner of a source how to lift the pause of its names. The link lets whoever has it act for the account, so that it
 * goes from the CA's answer into this Event and nowhere else: no actor, log, status or metric ever holds it.
 */
export function pauseLinkEvent(
  { source, sourceUid, desired }: Pick<CertificateInput, 'source' | 'sourceUid' | 'desired'>,
  link: string,
): SourceEvent {
  return {
    source: { ...parseSourceKey(source), uid: sourceUid },
    type: 'Warning',
    reason: 'PauseLink',
    message: `The CA has paused a name of Secret ${desired.secretName}. When its host is mended, open this link, then set kube-lego.io/retry to a new value:`,
    link,
  };
}
