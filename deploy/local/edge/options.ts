import { parseArgs } from 'node:util';
import type { GatewayOptions } from './gateway/gateway-table.ts';
import { type Behaviour, isProfileName, type ProfileName, profiles, type Redirect } from './profiles.ts';
import type { EdgeServerOptions } from './server.ts';

/** Everything an edge process is told when it starts. */
export interface EdgeOptions {
  /** path of a kubeconfig of a local cluster, whose user may list and watch Ingresses, IngressClasses, Services and Secrets */
  readonly kubeconfig: string;
  /** 'namespace/name:port' (number or name) → a port on loopback */
  readonly services: Readonly<Record<string, number>>;
  /** the `spec.controller` of the IngressClasses to serve; default `defaultController` */
  readonly controllerName?: string;
  /** only this one of the controller's classes, and the name that the legacy annotation must have; default: all */
  readonly className?: string;
  /** serve Ingresses that name no class, even if none of the controller's classes is the default; default false */
  readonly withoutClass?: boolean;
  /** the controller that it behaves like; default 'local', that of none. What follows replaces parts of the profile. */
  readonly profile?: ProfileName;
  readonly redirect?: Redirect;
  /** milliseconds until a change takes effect, up to 60,000 */
  readonly delay?: number;
  /** milliseconds between two changes of what is in effect, up to 60,000 */
  readonly interval?: number;
  /** milliseconds by which a second instance is later still, up to 60,000 */
  readonly lag?: number;
  readonly missingCertificate?: Behaviour['missingCertificate'];
  /** the `spec.controllerName` of the GatewayClasses to serve; default: none, and Gateway API is unknown */
  readonly gatewayController?: string;
  /** what of a Gateway is down while a listener's Secret is missing: that listener (default), or all, as some controllers have it */
  readonly gatewayMissingSecret?: GatewayOptions['missingSecret'];
  /** whether clients may keep connections; default true */
  readonly keepAlive?: boolean;
  /** where it listens; default 127.0.0.1 */
  readonly address?: string;
  /** default: any free port */
  readonly httpPort?: number;
  /** default: any free port */
  readonly httpsPort?: number;
}

/** One of which kube-lego knows that it merges hosts, as the edge does: haproxy-ingress with `--controller-class=local`. */
export const defaultController = 'haproxy-ingress.github.io/controller/local';

/** A name for our own GatewayClasses. */
export const localGatewayController = 'kube-lego.io/local-edge';

const redirects = ['off', 'ingress', 'host', 'all'] as const satisfies readonly Redirect[];
const missingCertificates = ['self-signed', 'refuse'] as const;

/** The command line that `parseEdgeArguments` turns into the same options. */
export function edgeArguments(options: EdgeOptions): string[] {
  const values = {
    kubeconfig: options.kubeconfig,
    controller: options.controllerName,
    class: options.className,
    profile: options.profile,
    redirect: options.redirect,
    delay: options.delay,
    interval: options.interval,
    lag: options.lag,
    'missing-certificate': options.missingCertificate,
    'gateway-controller': options.gatewayController,
    'gateway-missing-secret': options.gatewayMissingSecret,
    address: options.address,
    'http-port': options.httpPort,
    'https-port': options.httpsPort,
  };
  return [
    ...Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    ...Object.entries(options.services).map(([service, port]) => `--service=${service}=${port}`),
    ...(options.withoutClass === true ? ['--without-class'] : []),
    ...(options.keepAlive === false ? ['--no-keep-alive'] : []),
  ];
}

/**
 * Reads the command line of an edge process.
 * @throws TypeError naming every argument that is wrong
 */
export function parseEdgeArguments(argv: readonly string[]): {
  kubeconfig: string;
  server: EdgeServerOptions;
} {
  const { values } = parseArgs({
    args: [...argv],
    allowNegative: true,
    options: {
      kubeconfig: { type: 'string', default: '' },
      service: { type: 'string', multiple: true, default: [] },
      controller: { type: 'string', default: defaultController },
      class: { type: 'string' },
      'without-class': { type: 'boolean', default: false },
      profile: { type: 'string', default: 'local' },
      redirect: { type: 'string' },
      delay: { type: 'string' },
      interval: { type: 'string' },
      lag: { type: 'string' },
      'missing-certificate': { type: 'string' },
      'gateway-controller': { type: 'string' },
      'gateway-missing-secret': { type: 'string', default: 'listener' },
      'keep-alive': { type: 'boolean', default: true },
      address: { type: 'string', default: '127.0.0.1' },
      'http-port': { type: 'string', default: '0' },
      'https-port': { type: 'string', default: '0' },
    },
  });
  const problems: string[] = [];
  const oneOf = <T extends string>(name: string, value: string, allowed: readonly [T, ...T[]]): T => {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) problems.push(`--${name} must be one of ${allowed.join(', ')}, not '${value}'`);
    return found ?? allowed[0];
  };
  const numberUpTo = (name: string, value: string, most: number): number => {
    if (/^\d{1,9}$/.test(value) && Number(value) <= most) return Number(value);
    problems.push(`--${name} must be a number from 0 to ${most}, not '${value}'`);
    return 0;
  };
  if (values.kubeconfig === '') problems.push('--kubeconfig is missing: give the path of a kubeconfig');
  const services = new Map<string, number>();
  for (const entry of values.service) {
    const [, service, port] = /^([^/=]+\/[^/=:]+:[^=:]+)=(\d+)$/.exec(entry) ?? [];
    if (service === undefined || port === undefined) {
      problems.push(`--service must look like namespace/name:port=localport, not '${entry}'`);
    } else {
      services.set(service, numberUpTo('service', port, 65_535));
    }
  }
  const { profile: name } = values;
  if (!isProfileName(name)) {
    problems.push(`--profile must be one of ${Object.keys(profiles).join(', ')}, not '${name}'`);
  }
  const profile: Behaviour = isProfileName(name) ? profiles[name] : profiles.local;
  const milliseconds = (option: 'delay' | 'interval' | 'lag'): number =>
    numberUpTo(option, values[option] ?? String(profile[option]), 60_000);
  const behaviour: Behaviour = {
    ...profile,
    redirect: oneOf('redirect', values.redirect ?? profile.redirect, redirects),
    missingCertificate: oneOf(
      'missing-certificate',
      values['missing-certificate'] ?? profile.missingCertificate,
      missingCertificates,
    ),
    delay: milliseconds('delay'),
    interval: milliseconds('interval'),
    lag: milliseconds('lag'),
  };
  const missingSecret = oneOf('gateway-missing-secret', values['gateway-missing-secret'], [
    'listener',
    'gateway',
  ]);
  const gatewayController = values['gateway-controller'];
  const server: EdgeServerOptions = {
    behaviour,
    gateway:
      gatewayController === undefined ? undefined : { controllerName: gatewayController, missingSecret },
    controllerName: values.controller,
    className: values.class,
    withoutClass: values['without-class'],
    services,
    keepAlive: values['keep-alive'],
    address: values.address,
    httpPort: numberUpTo('http-port', values['http-port'], 65_535),
    httpsPort: numberUpTo('https-port', values['https-port'], 65_535),
  };
  if (problems.length > 0) throw new TypeError(`The edge cannot start: ${problems.join('; ')}.`);
  return { kubeconfig: values.kubeconfig, server };
}
