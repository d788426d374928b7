// What a CA, or something in its place, answers.

import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { readBlock } from '../../../machines/ledger/learned-block.ts';
import { longestCaWait } from '../../../machines/time/ca-wait.ts';
import { AccountStore } from '../../../src/acme/account/account.ts';
import { AccountError } from '../../../src/acme/account/account-error.ts';
import { placeOrder } from '../../../src/acme/order/order.ts';
import { RenewalInfoSource } from '../../../src/acme/order/renewal-info.ts';
import { OrderError } from '../../../src/acme/protocol/order-error.ts';
import { answered, refusal, retryAfterOf } from '../../../src/acme/transport/answer.ts';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import type { CaAnswer, CaRequest, Connection } from '../../../src/acme/transport/connection.ts';
import { AcmeProblem } from '../../../src/acme/transport/problem.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { ChainError, verifyChain } from '../../../src/certificate/chain.ts';
import { createCsr } from '../../../src/certificate/making/csr.ts';
import { DirectConnection } from '../../acme/direct-connection.ts';
import { newKeyPem } from '../../acme/keys.ts';
import { MemoryStore } from '../../acme/memory-store.ts';
import { ScriptedCa } from '../../ca/ca.ts';
import { TestCa } from '../../certificate/test-ca.ts';
import { presenterOf } from '../../challenges/presenter.ts';
import { day, now } from '../../machines/builders.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { damagedJson, damagedTexts } from './mutation.ts';
import {
  assertTellable,
  assertTime,
  expectedFailure,
  type FuzzTarget,
  fuzzTarget,
  fuzzTargetIn,
} from './target.ts';

const namespace = 'urn:ietf:params:acme:error:';
const problems = [
  {
    type: `${namespace}rateLimited`,
    detail:
      'too many certificates (50) already issued for "example.com" in the last 168h0m0s, retry after 2026-11-25 12:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain',
    status: 429,
    instance: 'https://ca.example/why',
  },
  {
    type: `${namespace}rateLimited`,
    detail:
      'Your account is temporarily prevented from requesting certificates for www.example.com and possibly others. Please visit: https://ca.example/sfe/v1/unpause?jwt=eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln',
    status: 429,
  },
  {
    type: `${namespace}malformed`,
    detail: 'Error creating new order',
    status: 400,
    subproblems: [
      {
        type: `${namespace}rejectedIdentifier`,
        detail: 'Policy forbids issuing',
        identifier: { type: 'dns', value: 'www.example.com' },
      },
    ],
  },
];
const headerValues = fc.oneof(
  damagedTexts(['120', 'Wed, 25 Nov 2026 12:00:00 GMT', '0', '99999999999999999999']),
  fc.constant(undefined),
);

const problem = fuzzTarget(
  'problem',
  fc.record({
    body: damagedJson(problems),
    status: fc.constantFrom(400, 401, 403, 404, 409, 429, 500, 503, 302, 999),
    retryAfter: headerValues,
    link: damagedTexts([
      '<https://ca.example/terms/2>;rel="terms-of-service", <https://ca.example/>;rel=index',
    ]),
  }),
  ({ body, status, retryAfter, link }) => {
    const headers = { link, ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) };
    const found = answered('new-order', 'https://ca.example/new-order', { status, headers, text: body }, now);
    const error = refusal(found);
    assertTellable(error.message);
    for (const wait of [error.retryAfter, retryAfterOf(found)]) {
      assert.ok(wait === undefined || (wait >= 0 && wait <= longestCaWait), `It waits ${wait} ms.`);
    }
    readBlock({ type: error.type, detail: error.detail, retryAfter: error.retryAfter });
  },
);

const ca = new TestCa('Fuzzed Root');
const leaf = ca.leaf({ dnsNames: ['www.example.com'], notBefore: now - day, notAfter: now + 90 * day });
const odd = ca.leaf({
  dnsNames: ['www.example.com', 'quo"te', 'a, DNS:b'],
  uris: ['urn:DNS:x'],
  keyPem: leaf.keyPem,
});

const chain = fuzzTarget(
  'chain',
  fc.oneof(
    damagedTexts([leaf.chainPem, odd.chainPem]),
    fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { minLength: 1, maxLength: 3 }).map((flips) => {
      const [, base64 = ''] = leaf.certificatePem.split(/-----[^-]*-----/);
      const der = Buffer.from(base64, 'base64');
      for (const [at, octet] of flips) der[at % der.length] = octet;
      return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n${ca.certificatePem}`;
    }),
  ),
  async (chainPem) => {
    await expectedFailure(() => {
      const { notices, notAfter, notBefore } = verifyChain(chainPem, leaf.keyPem, ['www.example.com'], now);
      for (const notice of notices) assertTellable(notice);
      for (const time of [notBefore, notAfter]) assertTime(time);
    }, ChainError);
  },
);

interface Damage {
  /** The number of the answer. */
  readonly at: number;
  /** And of so many that follow. */
  readonly more: number;
  readonly status: number | undefined;
  readonly header: readonly [name: string, value: string] | undefined;
  /** Chooses what becomes of the body. */
  readonly body: ((text: string) => string) | undefined;
}

/** Damages some answers of the strict CA. */
class DamagedConnection implements Connection {
  readonly #inner: DirectConnection;
  readonly #damage: Damage;
  requests = 0;

  constructor(inner: DirectConnection, damage: Damage) {
    this.#inner = inner;
    this.#damage = damage;
  }

  async send(asked: CaRequest): Promise<CaAnswer> {
    const answer = await this.#inner.send(asked);
    const { at, body, header, more, status } = this.#damage;
    const number = this.requests;
    this.requests += 1;
    if (number < at || number > at + more) return answer;
    const [name, value] = header ?? [];
    return {
      status: status ?? answer.status,
      headers: { ...answer.headers, ...(name === undefined || value === undefined ? {} : { [name]: value }) },
      text: body === undefined || asked.method === 'HEAD' ? answer.text : body(answer.text),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const bodies = fc.tuple(fc.nat(2 ** 31 - 1), fc.boolean()).map(([seed, asText]) => (text: string) => {
  const isJson = text.startsWith('{') && !asText;
  const changed = isJson ? damagedJson([JSON.parse(text)]) : damagedTexts([text]);
  return fc.sample(changed, { seed, numRuns: 1 })[0] ?? '';
});
const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(12),
  more: fc.constantFrom(0, 0, 1, 1000),
  status: fc.constantFrom(undefined, undefined, 200, 201, 204, 302, 400, 403, 404, 429, 500, 503),
  header: fc.option(
    fc.tuple(
      fc.constantFrom('retry-after', 'date', 'location', 'replay-nonce', 'link', 'content-type'),
      damagedTexts(['120', 'Tue, 24 Nov 2026 12:00:00 GMT', 'https://ca.test/order/1', 'application/json']),
    ),
    { nil: undefined },
  ),
  body: fc.option(bodies, { nil: undefined }),
});

/** Milliseconds that an order and what comes of it may take by the clock. */
const longestOrder = day;
const mostRequests = 400;
const hosts = ['www.example.com'];

/** A CSR that is made once. */
class Applicant implements AsyncDisposable {
  readonly keyPem: string;
  readonly csr: Buffer;

  private constructor(keyPem: string, csr: Buffer) {
    this.keyPem = keyPem;
    this.csr = csr;
  }

  static start(): Promise<Applicant> {
    const keyPem = newKeyPem();
    return Promise.resolve(new Applicant(keyPem, createCsr(hosts, keyPem)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const order = fuzzTargetIn(
  'order',
  damage,
  () => Applicant.start(),
  async (given, { csr, keyPem }) => {
    const machine = new ManualClock(now);
    const strict = new ScriptedCa({ now: () => machine.now(), validate: () => Promise.resolve('ok') });
    const connection = new DamagedConnection(new DirectConnection(strict), given);
    const clock = new CaClock(machine);
    const transport = new AcmeTransport({ clock, userAgent: 'test', connection });
    const { directoryUrl } = strict;
    const store = new MemoryStore({ 'tls.key': newKeyPem() });
    const accounts = new AccountStore({ transport, clock, store, directoryUrl });
    const stop = new AbortController();
    const { signal } = stop;
    const issue = async (): Promise<void> => {
      const account = await accounts.ensureAccount(signal);
      const { chainPem } = await placeOrder({ account, transport, clock, signal, hosts, presenterOf, csr });
      verifyChain(chainPem, keyPem, hosts, machine.now());
      const ari = new RenewalInfoSource({ transport, directoryUrl, clock });
      const { askAt, window } = await ari.ask('AAAA.BBBB', signal);
      for (const time of [askAt, window?.start, window?.end]) assertTime(time);
    };
    const progress = { ended: false };
    const work = issue().finally(() => {
      progress.ended = true;
    });
    const outcome = expectedFailure(() => work, OrderError, ChainError, AcmeProblem, AccountError);
    while (!progress.ended && machine.now() < now + longestOrder && connection.requests < mostRequests) {
      await nextTurn();
      const [next] = machine.pending;
      if (next !== undefined && !progress.ended) machine.advance(next);
    }
    stop.abort();
    await transport.close();
    assert.ok(
      progress.ended,
      `After ${connection.requests} requests and ${machine.now() - now} ms there is no end.`,
    );
    await outcome;
  },
);

export const caTargets: readonly FuzzTarget[] = [problem, chain, order];
