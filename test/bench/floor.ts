import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { crypto as acmeCrypto } from 'acme-client';
import { Agent, request } from 'undici';
import { arrayField } from '../../src/process/json.ts';
import { inParallel } from './fleet.ts';
import { patience } from './patience.ts';
import type { Row } from './table.ts';

const floorProgram = fileURLToPath(new URL('floor-process.ts', import.meta.url));

export interface FloorOptions {
  readonly directoryUrl: string;
  /** PEM of the CA's listener */
  readonly caBundle: string;
  /** where the CA validates HTTP-01 */
  readonly port: number;
  /** Milliseconds between two reads of what is not valid yet, 20 if not given. */
  readonly pollInterval?: number;
}

interface Answer {
  readonly body: unknown;
  readonly text: string;
  readonly location: string;
}

/**
 * The minimum cost of a certificate: a bare ACME loop (RFC 8555) without Kubernetes, checks or failures. Keys are EC P-256,
 * nonces come from every answer, the challenge is answered in this process.
 */
export class Floor implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #server: Server;
  readonly #key: KeyObject;
  readonly #jwk: Record<string, unknown>;
  readonly #nonces: string[] = [];
  #directory: Record<string, string> = {};
  #account = '';
  #pollInterval = 20;
  requests = 0;

  private constructor(agent: Agent, server: Server, key: KeyObject, jwk: Record<string, unknown>) {
    this.#agent = agent;
    this.#server = server;
    this.#key = key;
    this.#jwk = jwk;
  }

  static async start({ directoryUrl, caBundle, port, pollInterval }: FloorOptions): Promise<Floor> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
    const jwk = { crv, kty, x, y };
    const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
    const server = createServer((incoming, answer) => {
      answer.end(`${incoming.url?.split('/').at(-1) ?? ''}.${thumbprint}`);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const agent = new Agent({
      connect: { ca: caBundle, timeout: patience },
      connections: 64,
      allowH2: false,
    });
    const floor = new Floor(agent, server, privateKey, jwk);
    if (pollInterval !== undefined) floor.#pollInterval = pollInterval;
    const directory = await floor.#send('GET', directoryUrl);
    floor.#directory = stringsOf(directory.body);
    const account = await floor.#post(floor.#url('newAccount'), { termsOfServiceAgreed: true });
    floor.#account = account.location;
    return floor;
  }

  /** Orders one certificate and downloads it. */
  async issue(host: string): Promise<string> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const order = await this.#post(this.#url('newOrder'), { identifiers: [{ type: 'dns', value: host }] });
    const authorization = String(arrayField(order.body, 'authorizations')[0]);
    const challenges = arrayField((await this.#post(authorization, '')).body, 'challenges').map(stringsOf);
    await this.#post(challenges.find((challenge) => challenge['type'] === 'http-01')?.['url'] ?? '', {});
    await this.#poll(authorization);
    const [, csr] = await acmeCrypto.createCsr({ altNames: [host] }, keyPem);
    const der = csr.toString().replaceAll(/-----[^-]+-----|\s/g, '');
    await this.#post(stringsOf(order.body)['finalize'] ?? '', {
      csr: Buffer.from(der, 'base64').toString('base64url'),
    });
    const { certificate = '' } = stringsOf(await this.#poll(order.location));
    return (await this.#post(certificate, '')).text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#agent.destroy();
  }

  async #poll(url: string): Promise<unknown> {
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      const { body } = await this.#post(url, '');
      const { status } = stringsOf(body);
      if (status === 'valid') return body;
      if (status === 'invalid') throw new Error(`${url} is invalid`);
      await new Promise((resolve) => {
        setTimeout(resolve, this.#pollInterval);
      });
    }
    throw new Error(`${url} is not valid after ${patience / 1000} s`);
  }

  async #post(url: string, payload: unknown): Promise<Answer> {
    const nonce = this.#nonces.pop() ?? (await this.#newNonce());
    const identity = this.#account === '' ? { jwk: this.#jwk } : { kid: this.#account };
    const header = encode({ alg: 'ES256', nonce, url, ...identity });
    const body = payload === '' ? '' : encode(payload);
    const signature = sign('sha256', Buffer.from(`${header}.${body}`), {
      key: this.#key,
      dsaEncoding: 'ieee-p1363',
    });
    const jws = { protected: header, payload: body, signature: signature.toString('base64url') };
    return this.#send('POST', url, JSON.stringify(jws));
  }

  async #newNonce(): Promise<string> {
    await this.#send('HEAD', this.#url('newNonce'));
    const nonce = this.#nonces.pop();
    if (nonce === undefined) throw new Error('the CA gave no nonce');
    return nonce;
  }

  async #send(method: 'GET' | 'HEAD' | 'POST', url: string, jws?: string): Promise<Answer> {
    this.requests += 1;
    const answer = await request(url, {
      method,
      dispatcher: this.#agent,
      headers: { 'content-type': 'application/jose+json', 'user-agent': 'kube-lego-bench' },
      body: jws ?? null,
    });
    const nonce = answer.headers['replay-nonce'];
    if (typeof nonce === 'string') this.#nonces.push(nonce);
    const text = await answer.body.text();
    if (answer.statusCode >= 400) throw new Error(`${method} ${url}: ${answer.statusCode} ${text}`);
    const json = String(answer.headers['content-type']).includes('json');
    const body: unknown = json && text !== '' ? JSON.parse(text) : undefined;
    return { body, text, location: String(answer.headers['location'] ?? '') };
  }

  #url(resource: string): string {
    const url = this.#directory[resource];
    if (url === undefined) throw new Error(`the directory has no ${resource}`);
    return url;
  }
}

/** What the bare loop reached. */
export interface FloorResult {
  readonly perSecond: number;
  /** Milliseconds of CPU of its process for each certificate. */
  readonly cpuEach: number;
  /** The highest RSS of its process. */
  readonly peakBytes: number;
}

/** What the process of the bare loop is told, as JSON in its only argument. */
export interface FloorTask {
  readonly options: FloorOptions;
  readonly hosts: readonly string[];
  readonly inFlight: number;
}

/** Orders a certificate for each host, after one for a warm-up, in this process, which does nothing else. */
export async function runFloor({ hosts, inFlight, options }: FloorTask): Promise<FloorResult> {
  await using floor = await Floor.start(options);
  await floor.issue('warm-up.example.com');
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await inParallel(hosts, (host) => floor.issue(host), inFlight);
  const { user, system } = process.cpuUsage(before);
  const took = performance.now() - startedAt;
  return {
    perSecond: (hosts.length * 1000) / took,
    cpuEach: (user + system) / 1000 / hosts.length,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/**
 * The bare loop in a process of its own, whose CPU and memory are the loop's alone.
 * @param guard throws if the CA hangs
 */
export async function measureFloor(
  task: FloorTask,
  guard: <T>(work: Promise<T>) => Promise<T> = (work) => work,
): Promise<FloorResult> {
  const ended = new AbortController();
  const args = [floorProgram, JSON.stringify(task)];
  try {
    const { stdout } = await guard(
      promisify(execFile)(process.execPath, args, { signal: ended.signal, killSignal: 'SIGKILL' }),
    );
    const result: FloorResult = JSON.parse(stdout);
    return result;
  } finally {
    ended.abort();
  }
}

/** The row of the bare loop, measured before and after what is compared with it. */
export function floorRow(
  what: string,
  before: FloorResult,
  after: FloorResult,
): { readonly floor: FloorResult; readonly row: Row } {
  const floor = {
    perSecond: (before.perSecond + after.perSecond) / 2,
    cpuEach: (before.cpuEach + after.cpuEach) / 2,
    peakBytes: Math.max(before.peakBytes, after.peakBytes),
  };
  const row = {
    what,
    peer: '–',
    goal: '–',
    measured: `${floor.perSecond.toFixed(1)} (before ${before.perSecond.toFixed(1)}, after ${after.perSecond.toFixed(1)}); RSS ${(floor.peakBytes / 1e6).toFixed(0)} MB`,
    met: true,
  };
  return { floor, row };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function stringsOf(value: unknown): Record<string, string> {
  const entries = Object.entries(value ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}
