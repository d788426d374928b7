import { parseArgs } from 'node:util';
import type { Redirect } from './routing.ts';
import type { EdgeServerOptions } from './server.ts';

/** Everything an edge process is told when it starts. */
export interface EdgeOptions {
  /** path of a kubeconfig whose user may list and watch Ingresses, IngressClasses, Services and Secrets */
  readonly kubeconfig: string;
  /** 'namespace/name:port' (number or name) → a port on loopback */
  readonly services: Readonly<Record<string, number>>;
  /** the `spec.controller` of the IngressClasses to serve; default 'kube-lego.io/local-edge' */
  readonly controllerName?: string;
  /** only this one of the controller's classes, and the name that the legacy annotation must have; default: all */
  readonly className?: string;
  /** serve Ingresses that name no class, even if none of the controller's classes is the default; default false */
  readonly withoutClass?: boolean;
  /** 'merge' (default): all Ingresses share a host; 'oldest': the oldest one has it alone, as with F5 NGINX */
  readonly mode?: 'merge' | 'oldest';
  /** when plain http is redirected to https; default 'off' */
  readonly redirect?: Redirect;
  /** milliseconds until a change takes effect, 0 (default) to 60,000 */
  readonly delay?: number;
  /** milliseconds by which a second instance, which gets every second connection, is later still; 0 (default): no second one */
  readonly lag?: number;
  /** for a name without a usable Secret; default 'self-signed' in mode 'merge', 'refuse' in mode 'oldest' */
  readonly missingCertificate?: 'self-signed' | 'refuse';
  /** whether clients may keep connections; default true */
  readonly keepAlive?: boolean;
  /** default: any free port */
  readonly httpPort?: number;
  /** default: any free port */
  readonly httpsPort?: number;
}

const redirects = ['off', 'ingress', 'host', 'all'] as const satisfies readonly Redirect[];
const modes = ['merge', 'oldest'] as const;
const missingCertificates = ['self-signed', 'refuse'] as const;

/** The command line that `parseEdgeArguments` turns into the same options. */
export function edgeArguments(options: EdgeOptions): string[] {
  const values = {
    kubeconfig: options.kubeconfig,
    controller: options.controllerName,
    class: options.className,
    mode: options.mode,
    redirect: options.redirect,
    delay: options.delay,
    lag: options.lag,
    'missing-certificate': options.missingCertificate,
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
      controller: { type: 'string', default: 'kube-lego.io/local-edge' },
      class: { type: 'string' },
      'without-class': { type: 'boolean', default: false },
      mode: { type: 'string', default: 'merge' },
      redirect: { type: 'string', default: 'off' },
      delay: { type: 'string', default: '0' },
      lag: { type: 'string', default: '0' },
      'missing-certificate': { type: 'string' },
      'keep-alive': { type: 'boolean', default: true },
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
  const mode = oneOf('mode', values.mode, modes);
  const missingCertificate = values['missing-certificate'] ?? (mode === 'oldest' ? 'refuse' : 'self-signed');
  const server: EdgeServerOptions = {
    mode,
    redirect: oneOf('redirect', values.redirect, redirects),
    controllerName: values.controller,
    className: values.class,
    withoutClass: values['without-class'],
    services,
    delay: numberUpTo('delay', values.delay, 60_000),
    lag: numberUpTo('lag', values.lag, 60_000),
    missingCertificate: oneOf('missing-certificate', missingCertificate, missingCertificates),
    keepAlive: values['keep-alive'],
    httpPort: numberUpTo('http-port', values['http-port'], 65_535),
    httpsPort: numberUpTo('https-port', values['https-port'], 65_535),
  };
  if (problems.length > 0) throw new TypeError(`The edge cannot start: ${problems.join('; ')}.`);
  return { kubeconfig: values.kubeconfig, server };
}
