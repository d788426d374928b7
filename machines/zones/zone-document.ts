import { dnsLabel, maxHostLength, normalizeHost } from '../hosts/host-names.ts';
import { oneLine } from '../reasons/foreign-text.ts';
import { isChallengeType, type ProviderName, providerNames, type Zone } from './zone.ts';

/** An entry that is no zone; the message is a sentence that names it. */
export interface InvalidZone {
  readonly domain: string;
  readonly message: string;
}

/** The entries of the zones ConfigMap. */
export interface ZonesDocument {
  readonly zones: readonly Zone[];
  readonly invalid: readonly InvalidZone[];
  /** Domains of invalid entries, see `Zones`. */
  readonly closed: readonly string[];
}

interface Setting {
  readonly required?: true;
  /** What is expected, after "must be". */
  readonly expects: string;
  readonly accepts: (value: string) => boolean;
}

const mostZones = 1000;
const longestEntry = 8192;
const mostNames = 200;
const tooMany = `only the first ${mostZones} entries are read`;

const keyName: Setting = {
  expects: 'the name of a TSIG key',
  accepts: (value) =>
    value.length <= maxHostLength &&
    normalizeHost(value)
      .split('.')
      .every((label) => /^[!-~]{1,63}$/.test(label)),
};
const secretName: Setting = {
  expects: "the name of a Secret in kube-lego's namespace",
  accepts: isDomain,
};
const server: Setting = {
  expects: 'a host name or IP address, with or without port',
  accepts: (value) => isAddress(value) || isNamedServer(value),
};
const url: Setting = {
  expects: 'an https:// URL without user name and query, or http:// of a Service (NAME.NAMESPACE.svc)',
  accepts: isServiceUrl,
};

/** Of each provider, besides those of every zone. */
export const providerSettings: Readonly<Record<ProviderName, Readonly<Record<string, Setting>>>> = {
  rfc2136: {
    server,
    'tsig-key': { ...keyName, required: true },
    'tsig-algorithm': {
      expects: 'hmac-sha256 or hmac-sha512',
      accepts: (value) => value === 'hmac-sha256' || value === 'hmac-sha512',
    },
    secret: { ...secretName, required: true },
  },
  'external-dns': {},
  httpreq: {
    url: { ...url, required: true },
    mode: { expects: 'default or raw', accepts: (value) => value === 'default' || value === 'raw' },
    secret: secretName,
  },
  'acme-dns': {
    url: { ...url, required: true },
    secret: { ...secretName, required: true },
  },
};

/** Of every zone. */
export const commonSettings: Readonly<Record<string, Setting>> = {
  provider: {
    required: true,
    expects: providerNames.join(', '),
    accepts: isProvider,
  },
  namespaces: {
    expects: 'names of namespaces, separated by commas, or *',
    accepts: (value) => value === '*' || isListOf(value, isLabel),
  },
  'wildcards-beside-others': {
    expects: 'names of namespaces, separated by commas',
    accepts: (value) => isListOf(value, isLabel),
  },
  challenge: { expects: 'dns-01 or http-01', accepts: isChallengeType },
  'name-servers': {
    expects: 'IP addresses, with or without port, separated by commas',
    accepts: (value) => isListOf(value, isAddress),
  },
};

/**
 * Reads the data of the zones ConfigMap: an entry for each domain, of lines `setting: value`. An invalid entry is no zone, and closes its
 * domain: else a mistake would give its hosts to the namespaces of the entry above. The others are not concerned.
 *
 * @example
 * readZones({ 'shop.example': 'provider: rfc2136\ntsig-key: kube-lego\nsecret: shop-tsig\nnamespaces: shop' });
 */
export function readZones(data: Readonly<Record<string, unknown>>): ZonesDocument {
  const zones = new Map<string, Zone>();
  const invalid: InvalidZone[] = [];
  const closed = new Set<string>();
  for (const [index, [key, text]] of Object.entries(data).entries()) {
    const domain = normalizeHost(key);
    const isTwice = zones.has(domain) || closed.has(domain);
    const refusal = isTwice ? 'it is listed twice' : index < mostZones ? undefined : tooMany;
    const read = refusal ?? readEntry(domain, text);
    if (typeof read !== 'string') {
      zones.set(domain, read);
      continue;
    }
    const name = oneLine(key, 100);
    invalid.push({ domain: name, message: `Zone ${name} is not used: ${read}.` });
    if (!isDomain(domain)) continue;
    zones.delete(domain);
    closed.add(domain);
  }
  return { zones: [...zones.values()], invalid, closed: [...closed] };
}

function isDomain(text: string): boolean {
  return text.length <= maxHostLength && text.split('.').every(isLabel);
}

function readEntry(domain: string, text: unknown): Zone | string {
  if (!isDomain(domain)) return 'its key must be a domain such as shop.example';
  if (typeof text !== 'string' || text.length > longestEntry) return 'its text is too long';
  const settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const plain = line.replace(/(?:^|\s)#.*$/, '').trim();
    if (plain === '') continue;
    const [, name, value = ''] = /^([a-z0-9-]+):(?:\s+(.*))?$/.exec(plain) ?? [];
    if (name === undefined) return `line ${JSON.stringify(oneLine(plain, 60))} must be "setting: value"`;
    if (settings.has(name)) return `${name} is set twice`;
    settings.set(name, value.replace(/^(['"])(.*)\1$/, '$2'));
  }
  const provider = settings.get('provider') ?? '';
  const known = { ...commonSettings, ...(isProvider(provider) ? providerSettings[provider] : {}) };
  for (const [name, { required, expects, accepts }] of Object.entries(known)) {
    const value = settings.get(name);
    if (value === undefined && required === true) return `${name} is missing; it must be ${expects}`;
    if (value !== undefined && !accepts(value)) return `${name} must be ${expects}`;
  }
  if (!isProvider(provider)) return `provider must be ${providerNames.join(', ')}`;
  const [unknown] = [...settings.keys()].filter((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) return `provider ${provider} has no setting ${unknown}`;
  const challenge = settings.get('challenge') ?? '';
  return {
    domain,
    provider,
    namespaces: settings.get('namespaces') === '*' ? 'any' : listOf(settings.get('namespaces')),
    wildcardsBesideOthers: listOf(settings.get('wildcards-beside-others')),
    challenge: isChallengeType(challenge) ? challenge : 'http-01',
    nameServers: listOf(settings.get('name-servers')),
    settings: Object.fromEntries(
      [...settings].filter(([name]) => Object.hasOwn(providerSettings[provider], name)),
    ),
  };
}

function isProvider(text: string): text is ProviderName {
  return providerNames.some((name) => name === text);
}

function isLabel(text: string): boolean {
  return dnsLabel.test(text);
}

function listOf(text = ''): string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...new Set(items.filter((item) => item !== ''))];
}

function isListOf(text: string, accepts: (item: string) => boolean): boolean {
  const items = listOf(text);
  return items.length <= mostNames && items.every(accepts);
}

/** An IP address; an IPv6 one is in brackets if a port follows. */
function isAddress(text: string): boolean {
  if (/^[\da-f]*:[\da-f]*:[\da-f:.]*$/i.test(text)) return URL.canParse(`http://[${text}]`);
  const form = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:.]+\])(?::[1-9]\d{0,4})?$/i;
  return form.test(text) && URL.canParse(`http://${text}`);
}

function isNamedServer(text: string): boolean {
  const [, name = '', last = ''] = /^((?:[^:]*\.)?([^:.]+)\.?)(?::[1-9]\d{0,4})?$/.exec(text) ?? [];
  return isDomain(normalizeHost(name)) && !/^\d+$/.test(last) && URL.canParse(`http://${text}`);
}

/** Not a place that a redirected or mistyped credential could leak to in clear. */
function isServiceUrl(text: string): boolean {
  const match = /^(https?):\/\/([a-z0-9.-]+|\[[\da-f:]+\])(?::\d{1,5})?(?:\/[\w./~-]*)?$/i.exec(text);
  if (match === null || !URL.canParse(text)) return false;
  const [, scheme = '', host = ''] = match;
  const isHere = /\.svc(?:\.[a-z0-9.-]+)?$/i.test(host) || /^127(?:\.\d{1,3}){3}$/.test(host);
  return isHere || scheme.toLowerCase() === 'https';
}
