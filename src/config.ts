// STUB by the architect until worker C writes the real one (overwrite it; keep the property names that src/controller.ts reads)
import { readFileSync } from 'node:fs';
export interface Config {
  readonly version: string; readonly caBundle: string | undefined; readonly namespace: string; readonly accountSecretName: string;
  readonly directoryUrl: string; readonly staging: boolean; readonly email: string | undefined;
  readonly externalAccount: { keyId: string; hmacKey: string } | undefined;
  readonly serviceName: string; readonly servicePort: number; readonly port: number; readonly ingressName: string;
  readonly challengeIngressAnnotations: Readonly<Record<string, string>>; readonly leftoverIngressNames: readonly string[];
  readonly watchNamespaces: readonly string[]; readonly annotationKey: string; readonly hostOwnership: 'oldest' | 'any';
  readonly supportedIngressClasses: readonly string[] | undefined; readonly defaultIngressClass: string | undefined;
  readonly maxOrdersInFlight: number; readonly checkInterval: number; readonly minimumValidity: number;
  readonly dnsServers: readonly string[] | undefined; readonly http01Port: number; readonly httpsPort: number; readonly selfCheckTimeout: number;
  readonly keyType: 'ec-p256'; readonly profile: string | undefined; readonly preferredChain: string | undefined;
  readonly healthPort: number; readonly inspectorPort: number;
}
export type ConfigReading = { kind: 'config'; config: Config } | { kind: 'help' | 'version'; text: string } | { kind: 'errors'; errors: readonly string[] };
export function readConfig(env: NodeJS.ProcessEnv, _argv: readonly string[]): ConfigReading {
  return { kind: 'config', config: {
    version: 'stub', caBundle: env['LEGO_CA_BUNDLE'] ? readFileSync(env['LEGO_CA_BUNDLE'], 'utf8') : undefined, namespace: env['LEGO_NAMESPACE'] ?? 'kube-lego',
    accountSecretName: 'kube-lego-account', directoryUrl: env['LEGO_URL'] ?? '', staging: false, email: env['LEGO_EMAIL'], externalAccount: undefined,
    serviceName: 'kube-lego', servicePort: Number(env['LEGO_SERVICE_PORT'] ?? 8080), port: Number(env['LEGO_PORT']), ingressName: 'kube-lego', challengeIngressAnnotations: {}, leftoverIngressNames: ['kube-lego-nginx'],
    watchNamespaces: [], annotationKey: 'kubernetes.io/tls-acme', hostOwnership: 'oldest', supportedIngressClasses: undefined, defaultIngressClass: undefined,
    maxOrdersInFlight: 10, checkInterval: 8 * 3600e3, minimumValidity: 720 * 3600e3, dnsServers: env['LEGO_DNS_SERVERS']?.split(','),
    http01Port: Number(env['LEGO_HTTP01_PORT'] ?? 80), httpsPort: Number(env['LEGO_HTTPS_PORT'] ?? 443), selfCheckTimeout: env['LEGO_SELF_CHECK_TIMEOUT'] ? Number.parseInt(env['LEGO_SELF_CHECK_TIMEOUT'], 10) * 1000 : 30000,
    keyType: 'ec-p256', profile: undefined, preferredChain: undefined, healthPort: Number(env['LEGO_METRICS_PORT']), inspectorPort: Number(env['LEGO_INSPECTOR_PORT']),
  } };
}
