// What anybody in the internet can send to the responder.

import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { createResponder } from '../../../src/challenges/http-01/responder.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { Site } from '../../challenges/http-01/site.ts';
import { damagedTexts } from './mutation.ts';
import { type FuzzTarget, fuzzTargetIn } from './target.ts';

const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const token = 'DGyRejmCefe7v4NfDGDKfA_-DGyRejmCefe7v4NfDGD';
const host = 'shop.example.com';
const path = `/.well-known/acme-challenge/${token}`;
const requests = [
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  `HEAD ${path}?a=b HTTP/1.1\r\nHost: ${host}:80\r\nX-Forwarded-Host: other.example\r\nConnection: close\r\n\r\n`,
  `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`,
  `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: upgrade\r\nExpect: 100-continue\r\n\r\n`,
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\nGET /second HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
];

/** Milliseconds for one answer: none of its own limits may end it. */
const longestAnswer = 4000;
/** The bodies of its answers, after their headers. */
const bodies = new RegExp(`^(?:[A-Za-z0-9_-]{16,128}\\.${thumbprint}|Not found\\n|OK\\n|)$`);
const headerNames =
  /^(?:content-type|content-length|cache-control|x-content-type-options|date|connection|keep-alive)$/i;

class Responder implements AsyncDisposable {
  readonly site: Site;
  readonly #errors: unknown[];

  private constructor(site: Site, errors: unknown[]) {
    this.site = site;
    this.#errors = errors;
  }

  static async start(): Promise<Responder> {
    const errors: unknown[] = [];
    const server: Server = createResponder({
      thumbprintOf: (name) => (name === host ? thumbprint : undefined),
      refresh: () => Promise.resolve(),
      onError: (error) => errors.push(error),
      clock: systemClock,
    });
    return new Responder(await Site.serve(server), errors);
  }

  /** What comes back until the server closes the connection, or we have sent all and have had an answer. */
  async ask(sent: Buffer): Promise<string> {
    const socket = connect(this.site.port, '127.0.0.1');
    socket.setTimeout(longestAnswer, () => socket.destroy(new Error('There is no answer and no end.')));
    socket.on('error', () => undefined);
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('close', () => resolve());
      // The half that is closed says that the request ends here.
      socket.end(sent);
    });
    assert.deepEqual(this.#errors, []);
    return Buffer.concat(chunks).toString('latin1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
  }
}

/** Nothing of the request is in the answers but a token. */
function assertNothingReflected(answers: string): void {
  let rest = answers;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    assert.ok(end > 0, `This is no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    assert.match(statusLine, /^HTTP\/1\.1 (?:100 Continue|200 OK|404 Not Found|[45]\d\d [A-Z][A-Za-z ]+)$/);
    const headers = new Map(
      lines.map((line) => [line.split(':')[0]?.toLowerCase() ?? '', line.split(': ')[1]]),
    );
    for (const name of headers.keys()) assert.match(name, headerNames);
    const length = Number(headers.get('content-length') ?? 0);
    const after = rest.slice(end + 4);
    // The answer to HEAD has none.
    const body = after.startsWith('HTTP/1.1 ') ? '' : after.slice(0, length);
    assert.match(body, bodies);
    rest = after.slice(body.length);
  }
}

const responder = fuzzTargetIn(
  'responder',
  fc.oneof(
    damagedTexts(requests).map((text) => Buffer.from(text, 'latin1')),
    damagedTexts(requests).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  ),
  () => Responder.start(),
  async (sent, world) => {
    assertNothingReflected(await world.ask(sent));
    const usual = await world.ask(Buffer.from(requests[0] ?? ''));
    assert.ok(usual.endsWith(`\r\n\r\n${token}.${thumbprint}`), 'it answers the next one');
  },
);

export const requestTargets: readonly FuzzTarget[] = [responder];
