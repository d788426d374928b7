// The settings: environment, flags and files to one validated Config, with the texts of --help. Called by start.ts and the commands;
// the wiring passes Config on.

import { readFileSync } from 'node:fs';
import {
  knownCa,
  letsEncrypt,
  letsEncryptStaging,
  presetLimits,
} from '../../machines/authority/known-cas.ts';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import manifest from '../../package.json' with { type: 'json' };
import { parseCertificate, pemBlocks } from '../certificate/pem.ts';
import { stringField } from '../process/json.ts';
import { helpText } from './help.ts';
import type { Option } from './options/option.ts';
import { optionGroups } from './options.ts';
import { type ProxySettings, readProxies } from './proxies.ts';
import { changeRateLimits } from './rate-limit-setting.ts';
import { gatherSources, type Notice } from './setting-sources.ts';
import { Settings } from './settings.ts';
import { hmacKey, type PathTypes, ValueError } from './values.ts';

const ca = optionGroups['CA and account'];
const certificates = optionGroups.Certificates;
const ingresses = optionGroups.Ingresses;
const challenge = optionGroups['Challenge and self-check'];
const objects = optionGroups['Objects that kube-lego writes'];
const leadership = optionGroups['Leader election'];
const ports = optionGroups['Ports and logs'];

/** All settings, validated. Durations are milliseconds. */
export type Config = ReturnType<typeof assemble>;

export type ConfigReading =
  /** `notices` are for the log, which does not exist yet. */
  | { readonly kind: 'config'; readonly config: Config; readonly notices: readonly Notice[] }
  | { readonly kind: 'help' | 'version'; readonly text: string }
  /** Each error names the variable or option, its value (unless that is secret), and what is expected. */
  | { readonly kind: 'errors'; readonly errors: readonly string[] };

/**
 * Reads the configuration; options take precedence over variables. docs/configuration.md lists them.
 *
 * @param argv without the program's name
 * @param readText reads a file named by a setting
 */
export function readConfig(
  env: NodeJS.ProcessEnv,
  argv: readonly string[],
  readText: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): ConfigReading {
  const { version } = manifest;
  const sources = gatherSources(env, argv);
  if (sources.request === 'help') return { kind: 'help', text: helpText(version) };
  if (sources.request === 'version') return { kind: 'version', text: `kube-lego ${version}` };

  const settings = new Settings(sources.values, readText);
  const notices = [...sources.notices];
  const { proxy, errors: proxyErrors } = readProxies(env);
  const config = assemble(settings, notices, proxy);
  checkPorts(config, settings);
  const errors = [...sources.errors, ...settings.errors, ...proxyErrors];
  return errors.length > 0 ? { kind: 'errors', errors } : { kind: 'config', config, notices };
}

function assemble(settings: Settings, notices: Notice[], proxy: ProxySettings) {
  const directoryUrl = currentDirectory(settings.get(ca.directoryUrl), notices);
  const staging = isStaging(directoryUrl);
  if (!settings.isSet(ca.directoryUrl)) {
    const message = `LEGO_URL is not set, so certificates come from Let's Encrypt's staging CA, which browsers do not trust. For real ones set it to ${letsEncrypt.directoryUrl}.`;
    notices.push({ level: 'warn', message });
  }
  const dnsServers = settings.find(challenge.dnsServers);
  const http01Port = settings.get(challenge.http01Port);
  const httpsPort = settings.get(challenge.httpsPort);
  const caBundle = settings.findFile(ca.caBundle, certificateBundle);
  const responderPort = settings.get(ports.port);
  const ingressName = settings.get(challenge.ingressName);
  const leftoverIngressName = settings.get(challenge.leftoverIngressName);
  return {
    version: manifest.version,
    /** URL of the project: package.json's, which has none until there is a published home. */
    homepage: stringField(manifest, 'homepage'),
    directoryUrl,
    /** The CA is known for certificates that browsers do not trust. */
    staging,
    email: settings.find(ca.email),
    accountSecretName: settings.get(ca.accountSecretName),
    /** Undefined: what the CA accepts. */
    accountKeyType: settings.find(ca.accountKeyType),
    /** PEM. */
    caBundle,
    /** Between here and the CA. */
    proxy,
    profile: settings.find(ca.profile),
    preferredChain: settings.find(ca.preferredChain),
    externalAccount: readExternalAccount(settings),

    checkInterval: settings.get(certificates.checkInterval),
    secretWatch: settings.get(certificates.secretWatch) === 'on',
    minimumValidity: settings.get(certificates.minimumValidity),
    keyType: readKeyType(settings),
    commonName: settings.get(certificates.commonName),
    /** Undefined: no rehearsals. */
    rehearsalUrl: readRehearsal(settings, directoryUrl),
    maxOrdersInFlight: settings.get(certificates.maxOrdersInFlight),
    /** The CA's limits, and the share reserved for renewals. */
    rateLimits: changeRateLimits(presetLimits(directoryUrl), settings.find(certificates.rateLimits)),

    namespace: settings.get(ingresses.namespace),
    /** Empty: all. */
    watchNamespaces: settings.get(ingresses.watchNamespaces),
    annotationKey: settings.get(ingresses.annotationKey),
    /** Undefined: every class. */
    supportedIngressClasses: settings.find(ingresses.supportedIngressClasses),
    defaultIngressClass: settings.find(ingresses.defaultIngressClass),
    /** By class. */
    ingressControllers: settings.get(ingresses.ingressControllers),
    /** Gateways and ListenerSets are sources. */
    gatewayApi: settings.get(ingresses.gatewayApi) === 'on',
    hostOwnership: currentOwnership(settings.get(ingresses.hostOwnership), notices),
    hostGrace: settings.get(ingresses.hostGrace),
    requireDomains: settings.get(ingresses.requireDomains) === 'true',

    ingressName,
    leftoverIngressNames: leftoverIngressName === ingressName ? [] : [leftoverIngressName],
    serviceName: readServiceName(settings),
    servicePort: settings.find(challenge.servicePort) ?? responderPort,
    challengeIngressAnnotations: settings.get(challenge.challengeIngressAnnotations),
    challengeIngressLabels: settings.get(challenge.challengeIngressLabels),
    /** Of every object that kube-lego writes. */
    objectMetadata: {
      labels: settings.get(objects.objectLabels),
      annotations: settings.get(objects.objectAnnotations),
    },
    challengePathTypes: settings.get(challenge.challengePathType) satisfies PathTypes,
    selfCheckTimeout: settings.get(challenge.selfCheckTimeout),
    propagationDelay: settings.get(challenge.propagationDelay),
    dnsServers,
    /** The ConfigMap of the DNS zones; undefined: no DNS-01. */
    dnsZones: settings.find(challenge.dnsZones),
    dnsPropagationTimeout: settings.get(challenge.dnsPropagationTimeout),
    http01Port,
    httpsPort,
    /** A CA with its own root certificate, or that validates at other ports, is a private one. */
    publicCa: caBundle === undefined && http01Port === 80 && httpsPort === 443,
    /** Hosts may resolve to loopback: only with a private CA that validates at another port, or a local DNS server. */
    allowLoopback: http01Port !== 80 || dnsServers?.some(isLoopback) === true,

    /** Undefined: not in a pod. */
    podName: settings.find(leadership.podName),
    leaseDuration: settings.get(leadership.leaseDuration),

    port: responderPort,
    metricsPort: settings.get(ports.metricsPort),
    healthPort: settings.get(ports.healthPort),
    inspectorPort: settings.get(ports.inspectorPort),
    statelyInspector: settings.get(ports.statelyInspector) === 'on',
    logLevel: settings.get(ports.logLevel),
    logType: settings.get(ports.logType),
  };
}

/** ACME v1 was switched off in 2021, but manifests still have its URLs. */
function currentDirectory(url: string, notices: Notice[]): string {
  const match = /^https:\/\/(?:acme-v01|acme-staging)\.api\.letsencrypt\.org(?:\/|$)/.exec(url);
  if (match === null) return url;
  const current = (match[0].includes('staging') ? letsEncryptStaging : letsEncrypt).directoryUrl;
  notices.push({ level: 'info', message: `LEGO_URL=${url} no longer exists; ${current} is used instead.` });
  return current;
}

/** Before there was a record of holders, the oldest Ingress decided. */
function currentOwnership(value: 'namespace' | 'any' | 'oldest', notices: Notice[]): 'namespace' | 'any' {
  if (value !== 'oldest') return value;
  const message =
    'LEGO_HOST_OWNERSHIP=oldest is now called namespace: the age of an Ingress decides only where nobody holds the host.';
  notices.push({ level: 'info', message });
  return 'namespace';
}

function readRehearsal(settings: Settings, directoryUrl: string): string | undefined {
  const url = settings.find(certificates.rehearsalUrl);
  if (settings.get(certificates.rehearse) === 'never' || isStaging(directoryUrl)) return undefined;
  const stagingUrl = url ?? knownCa(directoryUrl)?.stagingUrl;
  if (stagingUrl === undefined) {
    settings.refuse(certificates.rehearse, 'needs LEGO_REHEARSAL_URL, the directory of a staging CA');
  }
  return stagingUrl;
}

function isStaging(url: string): boolean {
  return knownCa(url)?.isStaging ?? false;
}

function certificateBundle(pem: string): string {
  const blocks = [...pemBlocks(pem)].filter(({ label }) => label === 'CERTIFICATE');
  if (blocks.length === 0 || blocks.some((block) => parseCertificate(block) === undefined)) {
    throw new ValueError('must be certificates in PEM form');
  }
  return pem;
}

function readExternalAccount(settings: Settings): { keyId: string; hmacKey: string } | undefined {
  const keyId = settings.find(ca.eabKeyId);
  const isKeySet = settings.isSet(ca.eabHmacKey) || settings.isSet(ca.eabHmacKeyFile);
  const key =
    settings.find(ca.eabHmacKey) ?? settings.findFile(ca.eabHmacKeyFile, (text) => hmacKey(text.trim()));
  if (settings.isSet(ca.eabHmacKey) && settings.isSet(ca.eabHmacKeyFile)) {
    settings.refuse(ca.eabHmacKeyFile, 'must not be set together with LEGO_EAB_HMAC_KEY');
  } else if (keyId !== undefined && !isKeySet) {
    settings.refuse(ca.eabKeyId, 'needs LEGO_EAB_HMAC_KEY or LEGO_EAB_HMAC_KEY_FILE as well');
  } else if (keyId === undefined && isKeySet) {
    settings.refuse(ca.eabKeyId, 'must be set if there is an HMAC key');
  }
  return keyId === undefined || key === undefined ? undefined : { keyId, hmacKey: key };
}

function readKeyType(settings: Settings): KeyType {
  const keyType = settings.find(certificates.keyType);
  const rsaKeySize = settings.find(certificates.rsaKeySize);
  if (rsaKeySize === undefined) return keyType ?? 'ec-p256';
  const rsa: KeyType = `rsa-${rsaKeySize}`;
  if (keyType !== undefined && keyType !== rsa) {
    settings.refuse(certificates.rsaKeySize, `contradicts LEGO_KEY_TYPE=${keyType}; set only one of them`);
  }
  return rsa;
}

function readServiceName(settings: Settings): string {
  const legacyName = settings.find(challenge.legacyServiceName);
  const serviceName = settings.get(challenge.serviceName);
  return settings.isSet(challenge.serviceName) ? serviceName : (legacyName ?? serviceName);
}

function checkPorts(config: Config, settings: Settings): void {
  const taken = new Map<number, string>();
  const listeners: [Option<number>, number][] = [
    [ports.port, config.port],
    [ports.metricsPort, config.metricsPort],
    [ports.healthPort, config.healthPort],
    [ports.inspectorPort, config.inspectorPort],
  ];
  for (const [option, port] of listeners) {
    const other = taken.get(port);
    if (other !== undefined) settings.refuse(option, `must not be port ${port}, which ${other} uses`);
    else taken.set(port, option.variable);
  }
}

function isLoopback(dnsServer: string): boolean {
  return /^(?:127\.|::1$|\[::1\])/.test(dnsServer);
}
