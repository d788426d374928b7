export interface BadEntry {
  readonly entry: { readonly secretName?: string; readonly hosts?: readonly string[] };
  /** What a person is told of it: what is wrong, and what to do. */
  readonly told: RegExp;
}

/** Entries of `spec.tls` that the API server takes, and for which there can be no certificate. */
export const badEntries = {
  nameless: {
    entry: { hosts: ['nameless.example.com'] },
    told: /^An entry of spec\.tls \(nameless\.example\.com\) names no Secret\. Set spec\.tls\[\]\.secretName, or tls\.certificateRefs of the listener\.$/,
  },
  hostless: {
    entry: { secretName: 'hostless-tls' },
    told: /^The entry of spec\.tls for Secret hostless-tls lists no hosts\. List the hosts of the certificate under /,
  },
  wildcard: {
    entry: { secretName: 'wildcard-tls', hosts: ['*.example.com'] },
    told: /^Host \*\.example\.com is a wildcard, .* ask the cluster operator for DNS-01 \(LEGO_DNS_ZONES/,
  },
  address: {
    entry: { secretName: 'address-tls', hosts: ['192.0.2.7'] },
    told: /^Host 192\.0\.2\.7 is an IP address, .* Correct or remove the host in spec\.tls, the listener or the HTTPRoute\.$/,
  },
  label: {
    entry: { secretName: 'label-tls', hosts: [`${'a'.repeat(64)}.com`] },
    told: /^Host a+\.com has a label of 64 characters; .* Correct or remove the host in spec\.tls, the listener or the HTTPRoute\.$/,
  },
  single: {
    entry: { secretName: 'single-tls', hosts: ['shop'] },
    told: /^Host shop is a single label; .* Correct or remove the host in spec\.tls, the listener or the HTTPRoute\.$/,
  },
  unicode: {
    entry: { secretName: 'unicode-tls', hosts: ['xn--99999999999.com'] },
    told: /^Host xn--99999999999\.com has the label xn--99999999999, .* Correct or remove the host in spec\.tls, the listener or the HTTPRoute\.$/,
  },
  private: {
    entry: { secretName: 'private-tls', hosts: ['db.internal'] },
    told: /^Host db\.internal ends in \.internal, .* Correct or remove the host in spec\.tls, the listener or the HTTPRoute\.$/,
  },
  many: {
    entry: {
      secretName: 'many-tls',
      hosts: Array.from({ length: 101 }, (_, index) => `h${index}.example.com`),
    },
    told: /^Secret many-tls would need a certificate for 101 hosts; .* Spread the hosts over several Secrets: /,
  },
} as const satisfies Readonly<Record<string, BadEntry>>;

/** Names whose length alone is no fault: too long for a common name (64 characters), and as long as DNS allows. */
export const uncommonHosts = [hostOfLength(65), hostOfLength(253)];

function hostOfLength(length: number): string {
  const end = '.example.com';
  const labels = Array.from({ length: Math.ceil((length - end.length) / 60) }, () => 'h'.repeat(59));
  return labels.join('.').slice(0, length - end.length) + end;
}
