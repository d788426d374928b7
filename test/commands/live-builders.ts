import type { CertificateDetail, IngressDetail, IngressRow } from '../../src/inspector/protocol.ts';
import { now } from '../machines/builders.ts';

/** What the inspector says of the Ingress `shop/web`, idle since the moment of the tests but for what is said otherwise. */
export function detailOf(
  certificates: readonly CertificateDetail[],
  changes: Partial<IngressRow> = {},
): IngressDetail {
  const row = {
    key: 'Ingress/shop/web',
    uid: 'uid-of-shop-web',
    state: 'idle',
    since: now,
    hosts: ['web.example.com'],
    ...changes,
  } as const;
  return { row, certificates, timeline: [], path: [{ state: row.state, at: now }] };
}

/** Of the Secret `web-tls`, which has failed. */
export function certificateDetail(changes: Partial<CertificateDetail> = {}): CertificateDetail {
  return { secret: 'web-tls', state: 'failed', hosts: [], failures: 1, ...changes };
}
