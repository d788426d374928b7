import { createHash } from 'node:crypto';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import type { CaAnswer, CaRequest } from '../ca/exchange.ts';
import type { Passage } from '../controller-failures/faulty-proxy.ts';
import { type ServiceCall, zones } from './dns-providers.ts';

/** Whose certificate it is; all in one namespace. */
export interface Subject {
  readonly namespace: string;
  /** name of the Ingress, unique in the cluster */
  readonly ingress: string;
  /** name of the Secret, unique in the cluster */
  readonly secret: string;
  /** the only host; a wildcard is proven by DNS-01 */
  readonly host: string;
}

/** A request of an issuance. */
export interface Step {
  readonly server: 'API server' | 'CA' | 'name server' | 'DNS service';
  /** A word for the command line. */
  readonly name: string;
  /** Whether it changes something at the server. */
  readonly writes: boolean;
}

const apiServer = (name: string, writes: boolean): Step => ({ server: 'API server', name, writes });

/** Where a POST creates an object, whose name is in the body only. */
const collections: ReadonlySet<string> = new Set(['secrets', 'configmaps', 'leases']);

/** Endpoints of the CA whose requests change something, besides a nonce. */
const writing: ReadonlySet<string> = new Set(['new-account', 'new-order', 'challenge', 'finalize']);

/** Endpoints of the CA with the number of an order, of an authorization or of a certificate. */
const ofOrder: ReadonlySet<string> = new Set(['order', 'finalize', 'authz', 'challenge', 'certificate']);

/** What is done with the subject's entry in the journal, and with its rule in the challenge Ingress, by the last request. */
type Entry = 'none' | 'without URL' | 'with URL';

/**
 * Tells by their content which requests belong to the issuance of one certificate, though other certificates are at work: those
 * before it leave writes of their own, and share some with it.
 */
export class Steps {
  readonly #subject: Subject;
  #entry: Entry = 'none';
  #hasRule = false;
  /** Whether a value for the subject is written down, by the last request. */
  #hasValue = false;
  /** Words and numbers of its URLs at the CA. */
  readonly #atCa = new Set<string>();

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** @returns undefined for a request that is not about the subject */
  ofApiServer({
    method,
    path,
    query,
    body,
  }: Pick<Passage, 'method' | 'path' | 'query' | 'body'>): Step | undefined {
    const { namespace, ingress, secret, host } = this.#subject;
    const writes = method !== 'GET';
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (path.includes('/dnsendpoints')) {
      if (!path.endsWith(`/${endpointOf(host)}`) && !body.includes(endpointOf(host))) return undefined;
      if (!writes) return apiServer('endpoint-read', false);
      return apiServer(method === 'DELETE' ? 'endpoint-removal' : 'endpoint-add', true);
    }
    if (path.startsWith(`/api/v1/namespaces/${namespace}/secrets`)) {
      if (name !== secret && !body.includes(JSON.stringify(secret))) return undefined;
      if (!writes) return apiServer('secret-read', false);
      if (query.has('dryRun')) return apiServer('secret-trial', false);
      return apiServer(body.includes('"tls.crt"') ? 'secret-write' : 'secret-annotation', true);
    }
    if (path.endsWith('/events') && writes)
      return body.includes(JSON.stringify(ingress)) ? apiServer('event', true) : undefined;
    if (path.endsWith(`/namespaces/${namespace}/ingresses/${ingress}`) && writes)
      return apiServer('status', true);
    if (!writes || !path.includes('/namespaces/kube-lego/')) return undefined;
    if (path.includes('/ingresses')) return this.#rule(body.includes(JSON.stringify(host)));
    const object = collections.has(name)
      ? (stringField(recordField(parsed(body), 'metadata'), 'name') ?? '')
      : name;
    if (object.startsWith('kube-lego-journal-')) return this.#journal(body);
    if (object === 'kube-lego-dns-values') return this.#value(body);
    if (object.startsWith('kube-lego-ledger-')) return apiServer('ledger', true);
    if (object.startsWith('kube-lego-holders-'))
      return body.includes(host) ? apiServer('holder', true) : undefined;
    return object === 'kube-lego-account' ? apiServer('account', true) : undefined;
  }

  /** Likewise; nonces and the directory are for all. */
  ofCa(
    request: Pick<CaRequest, 'url' | 'body'>,
    isOwn: (certificateId: string) => boolean,
  ): Step | undefined {
    const { pathname } = new URL(request.url);
    const [, word = '', id = ''] = pathname.split('/');
    if (word === 'renewal-info' && !isOwn(id)) return undefined;
    if (word === 'new-order' && !payloadOf(request.body).includes(JSON.stringify(this.#subject.host)))
      return undefined;
    if (ofOrder.has(word) && !this.#atCa.has(`${word}/${id}`)) return undefined;
    const name = word === 'authz' ? 'authorization' : word;
    return { server: 'CA', name, writes: writesAtCa(pathname) };
  }

  /** Likewise; a look-up is not a step of its own, as it changes nothing and is repeated until it is answered. */
  ofNameServer(changes: readonly { readonly name: string; readonly action: string }[]): Step | undefined {
    const own = changes.find(({ name }) => name === recordOf(this.#subject.host));
    if (own === undefined) return undefined;
    const name = own.action === 'add' ? 'dns-add' : 'dns-removal';
    return { server: 'name server', name, writes: true };
  }

  /** Likewise, of httpreq and acme-dns. An account of acme-dns is for many hosts, and one order at a time. */
  ofDnsService({ path, body }: Pick<ServiceCall, 'path' | 'body'>): Step | undefined {
    const { host } = this.#subject;
    const isOwn =
      path === '/update'
        ? host.endsWith(`.${zones['acme-dns']}`)
        : stringField(parsed(body), 'fqdn') === `${recordOf(host)}.`;
    return isOwn ? { server: 'DNS service', name: path.slice(1), writes: true } : undefined;
  }

  /** Learns from the CA's answer to a request of the issuance where the order, its authorization and its certificate are. */
  learn({ headers, body }: CaAnswer): void {
    const answer = parsed(body);
    const certificate = stringField(answer, 'certificate');
    const urls = [headers['location'], certificate, ...arrayField(answer, 'authorizations')];
    for (const url of urls) {
      if (typeof url !== 'string') continue;
      const [, word = '', id = ''] = new URL(url).pathname.split('/');
      this.#atCa.add(`${word}/${id}`);
      if (word === 'order') this.#atCa.add(`finalize/${id}`);
      if (word === 'authz') this.#atCa.add(`challenge/${id}`);
    }
  }

  #rule(written: boolean): Step | undefined {
    const had = this.#hasRule;
    this.#hasRule = written;
    if (written) return had ? undefined : apiServer('rule', true);
    return had ? apiServer('rule-removal', true) : undefined;
  }

  #value(body: string): Step | undefined {
    const had = this.#hasValue;
    this.#hasValue = entriesIn(body).some(
      (entry) => stringField(entry, 'host') === bareOf(this.#subject.host),
    );
    if (had === this.#hasValue) return undefined;
    return apiServer(had ? 'dns-value-removal' : 'dns-value', true);
  }

  #journal(body: string): Step | undefined {
    const before = this.#entry;
    this.#entry = entryIn(body, this.#subject.host);
    if (this.#entry === before) return undefined;
    const names = { none: 'entry-removal', 'without URL': 'entry', 'with URL': 'entry-url' } as const;
    return apiServer(names[this.#entry], true);
  }
}

/** Whether a request to this path changes something at the CA, besides a nonce. */
export function writesAtCa(path: string): boolean {
  return writing.has(path.split('/')[1] ?? '');
}

/** The payload of a JWS. */
function payloadOf(jws: string): string {
  return Buffer.from(stringField(parsed(jws), 'payload') ?? '', 'base64url').toString();
}

/** The name of which a wildcard has all children, or the host. */
export function bareOf(host: string): string {
  return host.replace(/^\*\./, '');
}

/** The TXT record that proves the host. */
export function recordOf(host: string): string {
  return `_acme-challenge.${bareOf(host)}`;
}

/** The DNSEndpoint with the values of this record. */
function endpointOf(host: string): string {
  return `kube-lego-${createHash('sha256').update(recordOf(host)).digest('hex').slice(0, 32)}`;
}

/** The entries of a record of kube-lego's in a Secret. */
function entriesIn(secret: string): Record<string, unknown>[] {
  const data = recordField(parsed(secret), 'data') ?? {};
  return Object.values(data).flatMap((value) => {
    const entry = parsed(Buffer.from(String(value), 'base64').toString());
    return entry === undefined ? [] : [entry];
  });
}

/** The entry for this host in the journal's Secret. */
function entryIn(secret: string, host: string): Entry {
  for (const entry of entriesIn(secret)) {
    if (!arrayField(entry, 'hosts').includes(host)) continue;
    return stringField(entry, 'orderUrl') === undefined ? 'without URL' : 'with URL';
  }
  return 'none';
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
