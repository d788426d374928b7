import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createCsr } from '../../src/certificate/making/csr.ts';
import { arrayField, isRecord, stringField } from '../../src/process/json.ts';
import { newKeyPem } from '../acme/keys.ts';
import type { Finding } from './authorizations.ts';
import { ScriptedCa } from './ca.ts';
import type { CaAnswer, CaRequest } from './exchange.ts';
import type { CaOptions } from './options.ts';

/** An answer with parsed JSON. */
export interface Reply extends CaAnswer {
  readonly json: Record<string, unknown>;
  /** Of a problem, without its namespace; empty if there is none. */
  readonly problem: string;
  readonly detail: string;
}

/** Deviations from a valid request. */
export interface Changes {
  /** Of the protected header; undefined takes a field out. */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Of the JWS, after it was signed. */
  readonly jws?: (jws: Record<string, unknown>) => Record<string, unknown>;
  readonly key?: KeyObject;
  readonly method?: string;
}

export const start = Date.parse('2026-08-01T12:00:00Z');

/** A client that sends whatever a test constructs. */
export class Client {
  readonly ca: ScriptedCa;
  readonly key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  account = '';

  constructor(ca: ScriptedCa) {
    this.ca = ca;
  }

  get jwk(): Record<string, unknown> {
    const { crv, kty, x, y } = this.key.publicKey.export({ format: 'jwk' });
    return { crv, kty, x, y };
  }

  async get(url: string, changes: Partial<CaRequest> = {}): Promise<Reply> {
    return this.raw({ method: 'GET', url, headers: { 'user-agent': 'test' }, body: '', ...changes });
  }

  async nonce(): Promise<string> {
    const { headers } = await this.get(`${this.ca.origin}/new-nonce`, { method: 'HEAD' });
    return headers['replay-nonce'] ?? '';
  }

  /** A signed request; the payload '' makes it a POST-as-GET. */
  async post(url: string, payload: unknown = '', changes: Changes = {}): Promise<Reply> {
    const identity = this.account === '' ? { jwk: this.jwk } : { kid: this.account };
    const nonce = await this.nonce();
    const header = encode({ alg: 'ES256', nonce, url, ...identity, ...changes.header });
    const body = payload === '' ? '' : encode(payload);
    const key = changes.key ?? this.key.privateKey;
    const signature = sign('sha256', Buffer.from(`${header}.${body}`), { key, dsaEncoding: 'ieee-p1363' });
    const jws = { protected: header, payload: body, signature: signature.toString('base64url') };
    return this.raw({
      method: changes.method ?? 'POST',
      url,
      headers: {
        'content-type': 'application/jose+json',
        'user-agent': 'test',
        ...changes.headers,
      },
      body: JSON.stringify(changes.jws?.(jws) ?? jws),
    });
  }

  async register(payload: unknown = { termsOfServiceAgreed: true }): Promise<Reply> {
    const reply = await this.post(`${this.ca.origin}/new-account`, payload);
    this.account = reply.headers['location'] ?? '';
    return reply;
  }

  async order(hosts: readonly string[], more: Readonly<Record<string, unknown>> = {}): Promise<Reply> {
    const identifiers = hosts.map((value) => ({ type: 'dns', value }));
    return this.post(`${this.ca.origin}/new-order`, { identifiers, ...more });
  }

  /** Answers the HTTP-01 challenge of each authorization, and lets the CA look. */
  async prove(order: Reply): Promise<void> {
    for (const url of arrayField(order.json, 'authorizations')) {
      const { json } = await this.post(String(url));
      const [challenge] = arrayField(json, 'challenges');
      await this.post(stringField(challenge, 'url') ?? '', {});
    }
    await settled();
  }

  async finalize(order: Reply, names: readonly string[], keyPem = newKeyPem()): Promise<Reply> {
    return this.post(stringField(order.json, 'finalize') ?? '', { csr: csrOf(names, keyPem) });
  }

  /** All of it. @returns the order, valid */
  async issue(hosts: readonly string[], more: Readonly<Record<string, unknown>> = {}): Promise<Reply> {
    const order = await this.order(hosts, more);
    if (order.status !== 201) return order;
    await this.prove(order);
    return this.finalize(order, hosts);
  }

  async raw(request: CaRequest): Promise<Reply> {
    const answer = await this.ca.handle(request);
    const json = parsed(answer.body);
    const type = stringField(json, 'type') ?? '';
    const problem = type.startsWith('urn:') ? type.slice('urn:ietf:params:acme:error:'.length) : '';
    return { ...answer, json, problem, detail: stringField(json, 'detail') ?? '' };
  }
}

/** A CA with a clock that stands, findings that the test decides, and a client with an account. */
export async function startCa(options: Partial<CaOptions> = {}): Promise<{
  readonly ca: ScriptedCa;
  readonly client: Client;
  readonly clock: { now: number };
  readonly findings: Map<string, Finding>;
}> {
  const clock = { now: start };
  const findings = new Map<string, Finding>();
  const ca = new ScriptedCa({
    now: () => clock.now,
    validate: (host) => Promise.resolve(findings.get(host) ?? 'ok'),
    ...options,
  });
  const client = new Client(ca);
  await client.register();
  return { ca, client, clock, findings };
}

/** DER in base64url. */
export function csrOf(names: readonly string[], keyPem: string): string {
  return createCsr(names, keyPem).toString('base64url');
}

/** The CA looks for proofs in promises alone, which have come to their end by then. */
async function settled(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
