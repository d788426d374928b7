import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import type { Check } from './explanation.ts';

const mostHosts = 20;

/** The record that proves each host by DNS-01, and how to look at it; and for a host without a zone, the lines that make one. */
export function checkDns(
  { desired, notices }: Assignment,
  { namespace, document }: { readonly namespace: string; readonly document: string },
): Check[] {
  const routes = desired.flatMap(({ hosts }) => hosts.filter(({ challenge }) => challenge === 'dns-01'));
  const records = routes.slice(0, mostHosts).map(({ host }): Check => {
    const name = `_acme-challenge.${host.replace(/^\*\./, '')}`;
    const text =
      `It is proven by DNS-01: a TXT record at ${name}, or where a CNAME leads from there. To look: dig +noall +answer TXT ${name}; ` +
      `its zone and name servers: dig +noall +answer +authority SOA ${name}; at one of them: dig +norecurse TXT ${name} @NAMESERVER.`;
    return { about: `record ${host}`, result: 'note', text };
  });
  const lacking = new Set(
    notices.flatMap(({ code, host }) => (code === 'NoDnsZone' && host !== undefined ? host : [])),
  );
  const lines = [...lacking].slice(0, mostHosts).map((host): Check => {
    const domain = host.replace(/^\*\./, '');
    const text =
      `The operator adds under data of ConfigMap ${document}, with the provider's own settings (docs/dns-01.md), for this domain or one above: ` +
      `"${domain}: |", "  provider: rfc2136", "  namespaces: ${namespace}", "  tsig-key: NAME", "  secret: SECRET".`;
    return { about: `zone ${host}`, result: 'note', text };
  });
  return [...records, ...lines];
}
