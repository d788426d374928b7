import { isIP } from 'node:net';
import { dnsLabel, maxHostLength } from '../../machines/hosts/host-names.ts';
import { formatDuration, parseDuration } from './go-duration.ts';

/** An invalid value; the message follows the name of the variable and says what is expected. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

/** @throws ValueError */
export type Parser<T> = (text: string) => T;

export const text: Parser<string> = (value) => value;

export function oneOf<const Choice extends string>(...choices: Choice[]): Parser<Choice> {
  return (value) => {
    const found = choices.find((choice) => choice === value.toLowerCase());
    if (found === undefined) throw new ValueError(`must be ${alternatives(choices)}`);
    return found;
  };
}

export function wholeNumber(least: number, most: number): Parser<number> {
  return (value) => {
    const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= least && number <= most)) {
      throw new ValueError(`must be a whole number from ${least} to ${most}`);
    }
    return number;
  };
}

export const port: Parser<number> = wholeNumber(1, 65_535);

/** Milliseconds. */
export function durationWithin(least: number, most: number): Parser<number> {
  return (value) => {
    const milliseconds = parseDuration(value);
    if (milliseconds === undefined || milliseconds < least || milliseconds > most) {
      const range = `from ${formatDuration(least)} to ${formatDuration(most)}`;
      throw new ValueError(`must be a duration ${range}, a number with its unit such as 30s, 8h or 1h30m`);
    }
    return milliseconds;
  };
}

export function listOf<T>(parse: Parser<T>): Parser<T[]> {
  return (value) => {
    const items = value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    // Such as "$A,$B" without either. Most lists mean everything where they are not set.
    if (items.length === 0 && value.includes(',')) {
      throw new ValueError('lists nothing: leave it unset if that is meant');
    }
    return [...new Set(items.map(parse))];
  };
}

export const email: Parser<string> = (value) => {
  if (
    !/^[\x21-\x7e]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/.test(value) ||
    /[,?@]/.test(value.slice(0, value.lastIndexOf('@')))
  ) {
    throw new ValueError('must be one e-mail address, such as ops@example.com');
  }
  return value;
};

export const directoryUrl: Parser<string> = (value) => {
  const url = URL.parse(value);
  if (url?.protocol !== 'https:') {
    throw new ValueError('must be the https:// URL of an ACME directory (RFC 8555, section 6.1)');
  }
  if (url.username !== '' || url.password !== '') {
    throw new ValueError('must not contain a user name or password; use LEGO_EAB_KID and LEGO_EAB_HMAC_KEY');
  }
  return value;
};

export const namespaceName: Parser<string> = (value) => {
  if (!dnsLabel.test(value)) throw new ValueError('must be the name of a namespace: a-z, 0-9 and hyphens');
  return value;
};

/** RFC 1123 subdomain. */
export const objectName: Parser<string> = (value) => {
  if (value.length > maxHostLength || !value.split('.').every((label) => dnsLabel.test(label))) {
    throw new ValueError('must be a Kubernetes object name: a-z, 0-9, hyphens and dots');
  }
  return value;
};

export const annotationKey: Parser<string> = (value) => {
  const [name = '', prefix, ...rest] = value.split('/').toReversed();
  const goodName = /^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/.test(name);
  const goodPrefix = prefix === undefined || prefix.split('.').every((label) => dnsLabel.test(label));
  if (!goodName || !goodPrefix || rest.length > 0) {
    throw new ValueError('must be a key of annotations or labels, such as kubernetes.io/tls-acme');
  }
  return value;
};

/** An IP address with or without port, as node:dns takes it: `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`. */
export const dnsServer: Parser<string> = (value) => {
  const [, bracketed, plain = bracketed, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(value) ?? [];
  const address = isIP(value) === 6 ? value : plain;
  const goodPort = digits === undefined || (Number(digits) >= 1 && Number(digits) <= 65_535);
  if (address === undefined || isIP(address) === 0 || !goodPort) {
    throw new ValueError('must list IP addresses of DNS servers, such as 192.0.2.53 or 192.0.2.53:5353');
  }
  return value;
};

/** Labels for objects of ours, in the form of `annotations`. */
export const labels: Parser<Readonly<Record<string, string>>> = (value) => {
  const found = annotations(value);
  for (const [key, label] of Object.entries(found)) {
    if (!/^(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?$/.test(label)) {
      throw new ValueError(
        `must have values of at most 63 letters, digits, and _ . - within; that of ${key} is none`,
      );
    }
  }
  return unreserved(found, ['app.kubernetes.io/managed-by']);
};

/** Annotations for objects of ours; none that kube-lego or an ingress controller would act upon. */
export const objectAnnotations: Parser<Readonly<Record<string, string>>> = (value) =>
  unreserved(annotations(value), ['kubernetes.io/tls-acme', 'kubernetes.io/ingress.class']);

function unreserved(
  found: Readonly<Record<string, string>>,
  reserved: readonly string[],
): Readonly<Record<string, string>> {
  const taken = Object.keys(found).find((key) => reserved.includes(key) || key.startsWith('kube-lego.io/'));
  if (taken !== undefined)
    throw new ValueError(`must not contain ${taken}, which kube-lego acts upon itself`);
  return found;
}

/** `key=value` pairs separated by commas or line breaks, or a JSON object, needed for a value with a comma. */
export const annotations: Parser<Readonly<Record<string, string>>> = (value) => {
  const entries = value.startsWith('{') ? jsonEntries(value) : value.split(/[,\n]/).flatMap(pair);
  for (const [key] of entries) annotationKey(key);
  return Object.fromEntries(entries);
};

export type PathType = 'ImplementationSpecific' | 'Prefix';

/** The pathType of challenge rules, by ingress class, and for all other classes. */
export interface PathTypes {
  readonly other: PathType;
  readonly byClass: ReadonlyMap<string, PathType>;
}

/** `Prefix`, `nginx=Prefix`, or both forms separated by commas. */
export const pathTypes: Parser<PathTypes> = (value) => {
  let other: PathType = 'ImplementationSpecific';
  const byClass = new Map<string, PathType>();
  for (const item of listOf(text)(value)) {
    const [type, className] = item.split('=').toReversed();
    if (type !== 'ImplementationSpecific' && type !== 'Prefix') {
      throw new ValueError('must be ImplementationSpecific or Prefix, or CLASS=TYPE with one of them');
    }
    if (className === undefined) other = type;
    else byClass.set(objectName(className), type);
  }
  return { other, byClass };
};

/** `nginx=nginx.org/ingress-controller`: ingress classes with the `spec.controller` of their IngressClass. */
export const classControllers: Parser<ReadonlyMap<string, string>> = (value) => {
  const pairs = listOf(text)(value).map((item): [string, string] => {
    const [className = '', controller, ...more] = item.split('=');
    if (controller === undefined || more.length > 0 || !/^[\w.-]+(?:\/[\w.-]+)+$/.test(controller)) {
      throw new ValueError(
        'must be CLASS=CONTROLLER, with the controller as in IngressClass.spec.controller',
      );
    }
    return [objectName(className), controller];
  });
  return new Map(pairs);
};

/** pino's levels, and logrus' names, which the kube-lego of 2016 used. */
export const logLevel: Parser<'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> = (value) => {
  const level = value.toLowerCase();
  if (level === 'warning') return 'warn';
  if (level === 'panic') return 'fatal';
  return oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal')(level);
};

export const profile: Parser<string> = (value) => {
  if (!/^[\w.-]{1,64}$/.test(value)) {
    throw new ValueError("must be the name of a profile of the CA, such as Let's Encrypt's tlsserver");
  }
  return value;
};

export const hmacKey: Parser<string> = (value) => {
  if (!/^[\w+/-]{16,}={0,2}$/.test(value)) {
    throw new ValueError('must be the HMAC key as the CA shows it, in base64url');
  }
  return value;
};

function pair(text: string): [string, string][] {
  if (text.trim() === '') return [];
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) {
    throw new ValueError('must be key=value pairs separated by commas, or a JSON object');
  }
  return [[key.trim(), value.trim()]];
}

function jsonEntries(text: string): [string, string][] {
  const problem = 'must be key=value pairs separated by commas, or a JSON object whose values are strings';
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new ValueError(problem, { cause: error });
  }
  return Object.entries(Object(parsed)).map(([key, value]) => {
    if (typeof value !== 'string') throw new ValueError(problem);
    return [key, value];
  });
}

function alternatives(choices: readonly string[]): string {
  return choices.length < 2 ? choices.join('') : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}
