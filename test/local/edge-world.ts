import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestOptions, request, type Server } from 'node:http';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startApp } from '../../deploy/local/app.ts';
import type { Change } from '../../deploy/local/edge/objects.ts';
import { type Behaviour, profiles } from '../../deploy/local/edge/profiles.ts';
import { selfSignedCertificate } from '../../deploy/local/edge/self-signed.ts';
import { EdgeServer, type EdgeServerOptions } from '../../deploy/local/edge/server.ts';
import { type Clock, systemClock } from '../../src/time/clock.ts';
import { ingress, service } from './edge-objects.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An edge on free ports that sends shop.test to a given local port. */
export async function edgeTo(
  t: TestContext,
  port: number,
  changes: readonly Change[] = [],
  behaviour: Partial<Behaviour> = {},
  options: Partial<EdgeServerOptions> = {},
  clock: Clock = systemClock,
): Promise<{ edge: EdgeServer; httpPort: number; httpsPort: number }> {
  const edge = new EdgeServer(
    {
      behaviour: { ...profiles.local, ...behaviour },
      controllerName: 'example.com/edge',
      className: undefined,
      withoutClass: true,
      gateway: undefined,
      services: new Map([['shop/web:80', port]]),
      keepAlive: true,
      address: '127.0.0.1',
      httpPort: 0,
      httpsPort: 0,
      ...options,
    },
    clock,
  );
  t.after(() => edge.close());
  const site = ingress('shop/site', {
    rules: { 'shop.test': { '/': 'web:80' } },
    tls: { cert: ['shop.test'] },
  });
  for (const change of [service('shop/web', 80), site, ...changes]) edge.load(change);
  return { edge, ...(await edge.listen()) };
}

/** A server of the test's own behind the edge. */
export async function listening(t: TestContext, server: Server): Promise<number> {
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

/** Answers with what it was asked, as JSON. */
export function echoServer(): Server {
  return createServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.once('end', () => {
      const { method, url, headers } = incoming;
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  });
}

/** One plain request for shop.test, on a new connection unless an agent is given. */
export async function ask(
  port: number,
  options: Omit<RequestOptions, 'headers'> & { headers?: Record<string, string> } = {},
  body?: string,
): Promise<Answer> {
  const outgoing = request({
    host: '127.0.0.1',
    port,
    agent: false,
    timeout: 60_000,
    ...options,
    headers: { host: 'shop.test', ...options.headers },
  });
  return answerTo(outgoing, body);
}

export async function answerTo(outgoing: ReturnType<typeof request>, body?: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  outgoing.once('error', reject);
  outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
  outgoing.once('response', (incoming) => {
    let text = '';
    incoming.on('data', (chunk) => (text += chunk));
    incoming.once('error', reject);
    incoming.once('end', () => {
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text });
    });
  });
  outgoing.end(body);
  return promise;
}

/** The names in the certificate that a TLS client is given. */
export async function certificateFor(
  port: number,
  servername: string | undefined,
): Promise<string | undefined> {
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    ...(servername === undefined ? {} : { servername }),
  });
  try {
    await once(socket, 'secureConnect');
    const { raw } = socket.getPeerCertificate();
    return new X509Certificate(raw).subjectAltName;
  } finally {
    socket.destroy();
  }
}

/** A certificate that is good for a day. */
export function certificateOf(...hosts: string[]): { certificatePem: string; keyPem: string } {
  const now = Date.now();
  return selfSignedCertificate({
    hosts,
    commonName: 'test',
    notBefore: now - 1_000,
    notAfter: now + 86_400_000,
  });
}

export async function appPort(t: TestContext): Promise<number> {
  const app = await startApp();
  t.after(() => app.stop());
  return app.port;
}
