/**
 * When plain http is answered with a redirect to https:
 * - `off` never;
 * - `ingress` if the rule that takes the request comes from an Ingress whose tls section lists the host;
 * - `host` if any Ingress lists the host under tls, for each of its paths, save those of an Ingress that says otherwise
 *   by annotation;
 * - `all` before any path is looked at: the first Ingress that lists the host under tls decides.
 */
export type Redirect = 'off' | 'ingress' | 'host' | 'all';

/** How an ingress controller behaves where the Ingress API leaves it open, or where a controller departs from it. */
export interface Behaviour {
  /** 'merge': the Ingresses of a host share it; 'oldest': the first one has it alone */
  readonly sharing: 'merge' | 'oldest';
  /** which of two Ingresses of one second comes first: by 'namespace/name', or by uid */
  readonly equalAge: 'lower-name' | 'higher-name' | 'larger-uid';
  /** whose Secret a host is served with: that of its first Ingress with tls, even if it is missing, or the first usable one */
  readonly certificate: 'first-ingress' | 'first-usable';
  /** what a TLS client gets for a name without a usable Secret: a self-signed certificate, or a failed handshake */
  readonly missingCertificate: 'self-signed' | 'refuse';
  /** the hosts that https answers for: all that have a rule, or only those that an Ingress lists under tls as well */
  readonly https: 'all-hosts' | 'tls-hosts';
  /** whether a path that no rule of the host itself takes is looked for at its wildcard, then at the rules for every host */
  readonly fallThrough: boolean;
  /** whom the default backend of an Ingress serves: the hosts of its own rules (every host if it has none), or every host */
  readonly defaultBackend: 'own-hosts' | 'every-host';
  readonly redirect: Redirect;
  readonly redirectStatus: 301 | 302 | 308;
  /** 'own': a redirect names the edge's https port; 'none': it names no port, as is right behind ports 80 and 443 */
  readonly redirectPort: 'own' | 'none';
  /** a rule for the challenge path is not redirected; without such a rule the path is as any other */
  readonly exemptsChallengeRules: boolean;
  /** milliseconds until a change takes effect */
  readonly delay: number;
  /** at least so many milliseconds between two changes of what is in effect: all of the meantime come together; 0: each by itself */
  readonly interval: number;
  /** milliseconds by which a second instance, which gets every second connection, is later still; 0: there is none */
  readonly lag: number;
}

/** Of no controller: strict where that costs a test nothing, and everything at once. */
const local: Behaviour = {
  sharing: 'merge',
  equalAge: 'lower-name',
  certificate: 'first-ingress',
  missingCertificate: 'self-signed',
  https: 'tls-hosts',
  fallThrough: false,
  defaultBackend: 'own-hosts',
  redirect: 'off',
  redirectStatus: 308,
  redirectPort: 'own',
  exemptsChallengeRules: false,
  delay: 0,
  interval: 0,
  lag: 0,
};

/** haproxy-ingress 0.16 with its defaults: run, and read in its source. */
const haproxyIngress: Behaviour = {
  ...local,
  fallThrough: true,
  defaultBackend: 'every-host',
  redirect: 'host',
  redirectStatus: 302,
  redirectPort: 'none',
  exemptsChallengeRules: true,
  delay: 200,
  interval: 2_000,
};

/** By the name of the controller that behaves so. */
export const profiles = {
  local,
  'haproxy-ingress': haproxyIngress,
  /** with `strict-host: "true"` */
  'haproxy-ingress-strict-host': { ...haproxyIngress, fallThrough: false },
  /** kubernetes/ingress-nginx: read in its source (store.go, controller.go, nginx.tmpl), with its sync rate of 0.3 a second */
  'ingress-nginx': {
    ...local,
    equalAge: 'higher-name',
    https: 'all-hosts',
    redirect: 'host',
    redirectStatus: 308,
    redirectPort: 'none',
    exemptsChallengeRules: true,
    interval: 3_333,
  },
  /** F5 NGINX 5.5, nginx/kubernetes-ingress: run, and read in its source (configuration.go) */
  'f5-nginx': {
    ...local,
    sharing: 'oldest',
    equalAge: 'larger-uid',
    missingCertificate: 'refuse',
    redirect: 'all',
    redirectStatus: 301,
    redirectPort: 'none',
    delay: 200,
    // Old workers answer on after a reload.
    lag: 100,
  },
} as const satisfies Record<string, Behaviour>;

export type ProfileName = keyof typeof profiles;

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(profiles, name);
}
