import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { IngressEvent } from '../kubernetes/records/events.ts';

/**
 * Tells the owner of an Ingress how to lift the pause of its names. The link lets whoever has it act for the account, so that it
 * goes from the CA's answer into this Event and nowhere else: no actor, log, status or metric ever holds it.
 */
export function pauseLinkEvent(
  { ingress, ingressUid, desired }: Pick<CertificateInput, 'ingress' | 'ingressUid' | 'desired'>,
  link: string,
): IngressEvent {
  const [namespace = '', name = ''] = ingress.split('/');
  return {
    ingress: { namespace, name, uid: ingressUid },
    type: 'Warning',
    reason: 'PauseLink',
    message: `The CA has paused a name of Secret ${desired.secretName}. When its host is mended, open this link, then set kube-lego.io/retry to a new value:`,
    link,
  };
}
