import { readdirSync, readFileSync } from 'node:fs';

const deploy = new URL('../../../deploy/', import.meta.url);

/** What the chart takes over from the kustomize base as it is: by its path in deploy/chart/files that in deploy/. */
const sources: Readonly<Record<string, string>> = {
  'role.yaml': 'base/role.yaml',
  'cluster-role.yaml': 'base/cluster-role.yaml',
  'cluster-scoped-role.yaml': 'base/cluster-scoped-role.yaml',
  'network-policy.yaml': 'base/network-policy.yaml',
  'restricted-network-policy.yaml': 'components/network-policy/network-policy.yaml',
  'secret-watch/cluster-role.yaml': 'components/secret-watch/cluster-role.yaml',
  'dns-01/role.yaml': 'components/dns-01/role.yaml',
  'dns-01/external-dns-role.yaml': 'components/dns-01/external-dns/role.yaml',
  'gateway/cluster-role.yaml': 'components/gateway/cluster-role.yaml',
  'gateway/role.yaml': 'components/gateway/own/role.yaml',
  'gateway/same-namespace-role.yaml': 'components/gateway/same-namespace/cluster-role.yaml',
  'watched/gateway-role.yaml': 'namespaced/gateway/role.yaml',
  'watched/challenge-routes-role.yaml': 'namespaced/challenge-routes/role.yaml',
  'watched/role.yaml': 'namespaced/watched/role.yaml',
  'watched/secret-watch-role.yaml': 'namespaced/secret-watch/role.yaml',
  'prometheus-rule.yaml': 'components/prometheus/prometheus-rule.yaml',
  'dashboard.json': 'components/prometheus/dashboard.json',
  ...Object.fromEntries(policies().map((name) => [`policies/${name}`, `base/policies/${name}`])),
};

function policies(): string[] {
  const others = ['kustomization.yaml', 'name-references.yaml'];
  return readdirSync(new URL('base/policies/', deploy)).filter((name) => !others.includes(name));
}

/** Path in the repository → text. */
export function chartCopies(): [string, string][] {
  return Object.entries(sources).map(([copy, source]) => [
    `deploy/chart/files/${copy}`,
    readFileSync(new URL(source, deploy), 'utf8'),
  ]);
}
