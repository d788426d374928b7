import { domainToUnicode } from 'node:url';
import type { AssessmentPolicy } from '../../machines/assessment/defects.ts';
import { knownCa, type Lifetime } from '../../machines/authority/known-cas.ts';
import type { IngressClassReference } from '../../machines/ownership/source-spec.ts';
import type { Clock } from '../time/clock.ts';
import type { Config } from './config.ts';
import type { PathType } from './values.ts';

/** Hosts prepared and validated at a time (admission). */
const hostsAdmitted = 500;
/** Names in one certificate. Let's Encrypt, docs/profiles: the classic profile. */
const mostNames = 100;

export function assessmentPolicy({
  minimumValidity,
  directoryUrl,
  staging,
  profile,
  keyType,
}: Config): AssessmentPolicy {
  return { minimumValidity, directory: directoryUrl, staging, profile, keyType };
}

export function supervisorPolicy(config: Config) {
  return {
    ownership: {
      hostOwnership: config.hostOwnership,
      hostGrace: config.hostGrace,
      requireDomains: config.requireDomains,
      mostNames,
      // A CA with its own root certificate is a private one.
      names: config.caBundle === undefined ? ('public' as const) : ('any' as const),
      toUnicode: domainToUnicode,
      supportedClasses: config.supportedIngressClasses,
      defaultClass: config.defaultIngressClass,
      controllers: config.ingressControllers,
      dns01: config.dnsZones !== undefined,
    },
    admission: { hosts: hostsAdmitted, ordersInFlight: config.maxOrdersInFlight },
    ingress: { checkInterval: config.checkInterval, minimumValidity: config.minimumValidity },
  };
}

export function selfCheckSettings(config: Config, agent: string, clock: Clock) {
  return {
    dnsServers: config.dnsServers,
    allowLoopback: config.allowLoopback,
    publicCa: config.publicCa,
    ports: { http: config.http01Port, https: config.httpsPort },
    userAgent: agent,
    timeLimit: config.selfCheckTimeout,
    clock,
  };
}

export function pathTypeOf({ challengePathTypes }: Config, ingressClass: IngressClassReference): PathType {
  const { byClass, other } = challengePathTypes;
  return ingressClass.form === 'none' ? other : (byClass.get(ingressClass.name) ?? other);
}

/** The announced lifetimes of certificates: known only of some CAs' default profile. */
export function lifetimesOf({ directoryUrl, profile }: Config): readonly Lifetime[] {
  return (profile === undefined ? knownCa(directoryUrl)?.lifetimes : undefined) ?? [];
}
