import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { readBlock } from '../../machines/ledger/learned-block.ts';
import { answered, refusal } from '../../src/acme/transport/answer.ts';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import { newKeyPem } from '../acme/keys.ts';
import { csrOf, start, startCa } from '../ca/client.ts';
import { letsEncryptLimits } from '../ca/limit-rules.ts';
import { ModelCa } from './ca.ts';
import { createCsr } from './certificates.ts';
import { Hosts } from './hosts.ts';
import { Random } from './random.ts';
import { origin } from './simulated-ca.ts';
import { day, hour, minute, second } from './time-units.ts';
import { VirtualTime } from './virtual-time.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** One of the two CAs, with a client that has an account, and its own clock. */
interface Side {
  /** @param payload undefined: it is only read */
  ask(
    endpoint: 'new-order' | 'challenge' | 'finalize' | 'order' | 'authorization',
    url: string,
    payload?: object,
  ): Promise<Answer>;
  renewalInfo(id: string): Promise<Answer>;
  readonly newOrderUrl: string;
  csr(hosts: readonly string[]): string;
  setGood(host: string, good: boolean): void;
  advance(milliseconds: number): Promise<void>;
  now(): number;
  /** Of the certificate that was issued last (RFC 9773 section 4.1). */
  lastId(): string;
}

const key = newKeyPem();
/** Milliseconds that either CA takes to look for a proof. */
const validationTime = 300;

/** Takes the least of whatever is left to chance, so that both CAs look for a proof at the same moment. */
class LeastRandom extends Random {
  override next(): number {
    return 0;
  }
}

async function strictSide(): Promise<Side> {
  let lastId = '';
  const unreachable = new Set<string>();
  const looks: (() => void)[] = [];
  const { ca, client, clock } = await startCa({
    validate: (host) =>
      new Promise((resolve) => {
        looks.push(() => resolve(unreachable.has(host) ? 'connection' : 'ok'));
      }),
    limits: letsEncryptLimits,
    limitJitter: 0,
    onEvent: (event) => {
      if (event.type === 'issued') lastId = event.certificateId;
    },
  });
  const csrs = new Map<string, string>();
  const answer = ({ status, headers, body }: Awaited<ReturnType<typeof client.get>>): Answer => ({
    status,
    headers,
    text: body,
  });
  return {
    newOrderUrl: `${ca.origin}/new-order`,
    ask: async (_, url, payload) => answer(await client.post(url, payload)),
    renewalInfo: async (id) => answer(await client.get(`${ca.origin}/renewal-info/${id}`)),
    csr: (hosts) => {
      const name = hosts.join();
      const csr = csrs.get(name) ?? csrOf(hosts, key);
      csrs.set(name, csr);
      return csr;
    },
    setGood: (host, good) => {
      if (good) unreachable.delete(host);
      else unreachable.add(host);
    },
    advance: async (milliseconds) => {
      const first = looks.length > 0 ? validationTime : 0;
      clock.now += first;
      for (const look of looks.splice(0)) look();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      clock.now += milliseconds - first;
    },
    now: () => clock.now,
    lastId: () => lastId,
  };
}

function simulatedSide(): Side {
  const time = new VirtualTime(start);
  const hosts = new Hosts(time);
  let lastId = '';
  const nothing = (): void => undefined;
  const ca = new ModelCa({
    time,
    random: new LeastRandom(1),
    hosts,
    renewalInfoPeriod: 6 * hour,
    witness: {
      asked: nothing,
      orderAsked: nothing,
      refused: nothing,
      toldToWait: nothing,
      busy: nothing,
      orderMade: nothing,
      hostFailed: nothing,
      issued: (id) => {
        lastId = id;
      },
    },
  });
  const ask = (endpoint: string, url: string, payload?: object): Promise<Answer> =>
    Promise.resolve(ca.answer(endpoint, url, payload ?? '', 0) ?? assert.fail('it does not answer'));
  return {
    newOrderUrl: `${origin}/new-order`,
    ask,
    renewalInfo: (id) => ask('renewal-info', `${origin}/ari/${id}`),
    csr: (names) => createCsr(names, 'a key').toString(),
    setGood: (host, good) => hosts.set(host, good ? 'good' : 'dead'),
    advance: (milliseconds) => time.runUntil(time.now + milliseconds),
    now: () => time.now,
    lastId: () => lastId,
  };
}

/** What a client learns of an answer: the state of the order, or the refusal with its scope and its Retry-After. */
interface Said {
  readonly status: number;
  readonly state?: string | undefined;
  readonly problem?: string;
  readonly block?: unknown;
}

function said({ status, headers, text }: Answer, now: number): Said {
  const json: unknown = JSON.parse(text);
  if (status < 300) return { status, state: stringField(json, 'status') };
  const { type, detail, retryAfter } = refusal(
    answered('new-order', 'https://ca.test/', { status, headers, text }, now),
  );
  return { status, problem: type, block: readBlock({ type, detail, retryAfter }) };
}

/** A client's way through orders at one CA: what it is told at each step. */
class Customer {
  readonly said: unknown[] = [];
  readonly #side: Side;
  readonly #orders = new Map<string, { readonly url: string; readonly json: unknown }>();
  readonly #ids = new Map<string, string>();

  constructor(side: Side) {
    this.#side = side;
  }

  /** @param replaced the hosts of the certificate that it says it replaces */
  async order(hosts: readonly string[], replaced: readonly string[] = []): Promise<void> {
    const side = this.#side;
    const replaces = this.#ids.get(replaced.join());
    const identifiers = hosts.map((value) => ({ type: 'dns', value }));
    const answer = await side.ask('new-order', side.newOrderUrl, {
      identifiers,
      ...(replaces !== undefined && { replaces }),
    });
    this.said.push(said(answer, side.now()));
    if (answer.status !== 201) return;
    this.#orders.set(hosts.join(), { url: answer.headers['location'] ?? '', json: JSON.parse(answer.text) });
  }

  async prove(hosts: readonly string[]): Promise<void> {
    const order = this.#orders.get(hosts.join());
    if (order === undefined) return;
    for (const url of arrayField(order.json, 'authorizations').map(String)) {
      const { status, text } = await this.#side.ask('authorization', url);
      if (status !== 200) continue;
      const challenges = arrayField(JSON.parse(text), 'challenges').filter(isRecord);
      const challenge = challenges.find(({ type }) => type === 'http-01');
      await this.#side.ask('challenge', stringField(challenge, 'url') ?? '', {});
    }
    await this.#side.advance(5 * second);
    this.said.push(said(await this.#side.ask('order', order.url), this.#side.now()).state);
  }

  async finalize(hosts: readonly string[]): Promise<void> {
    const side = this.#side;
    const order = this.#orders.get(hosts.join());
    if (order === undefined) return;
    const before = side.lastId();
    const csr = side.csr(hosts);
    const answer = await side.ask('finalize', stringField(order.json, 'finalize') ?? '', { csr });
    // How soon it comes to `valid` is left to chance.
    this.said.push(answer.status < 300 ? 'finalized' : said(answer, side.now()));
    await side.advance(5 * second);
    this.said.push(said(await side.ask('order', order.url), side.now()).state);
    if (side.lastId() !== before) this.#ids.set(hosts.join(), side.lastId());
  }

  async renewalWindow(hosts: readonly string[]): Promise<void> {
    const id = this.#ids.get(hosts.join());
    if (id === undefined) return;
    const { headers, text } = await this.#side.renewalInfo(id);
    this.said.push([headers['retry-after'], recordField(JSON.parse(text), 'suggestedWindow')]);
  }

  async issue(hosts: readonly string[], replaced: readonly string[] = []): Promise<void> {
    await this.order(hosts, replaced);
    await this.prove(hosts);
    await this.finalize(hosts);
  }

  setGood(host: string, good: boolean): void {
    this.#side.setGood(host, good);
  }

  wait(milliseconds: number): Promise<void> {
    return this.#side.advance(milliseconds);
  }
}

/** Runs the same at both. @returns what both said */
async function compare(steps: (customer: Customer) => Promise<void>): Promise<readonly unknown[]> {
  const [strict, simulated] = [new Customer(await strictSide()), new Customer(simulatedSide())];
  await steps(strict);
  await steps(simulated);
  assert.deepEqual(simulated.said, strict.said);
  return strict.said;
}

/** Whether something of this cause was refused. */
function refusedBy(answers: readonly unknown[], cause: string): boolean {
  return answers.some((answer) => stringField(recordField(answer, 'block'), 'cause') === cause);
}

const a = ['a.example.com'];
const ab = ['a.example.com', 'b.example.com'];

describe('the CA of the simulation says the same as the strict one', () => {
  test('of an order from beginning to end, handed back while it is under way, and of one that fails', async () => {
    const answers = await compare(async (customer) => {
      await customer.order(ab);
      await customer.order(ab);
      await customer.finalize(ab);
      await customer.prove(ab);
      await customer.finalize(ab);
      await customer.finalize(ab);
      await customer.order(a);
      customer.setGood('c.example.com', false);
      await customer.issue(['c.example.com', 'a.example.com']);
      await customer.renewalWindow(ab);
      await customer.wait(8 * day);
      await customer.finalize(a);
    });
    assert.deepEqual(answers.slice(0, 2), [
      { status: 201, state: 'pending' },
      { status: 201, state: 'pending' },
    ]);
  });

  for (const [cause, steps] of Object.entries<(customer: Customer) => Promise<void>>({
    'orders-per-account': async (customer) => {
      for (let index = 0; index < 301; index += 1) await customer.order([`${index}.example.org`]);
      for (const wait of [35 * second, second, 0, hour]) {
        await customer.wait(wait);
        await customer.order(['more.example.org']);
        await customer.order(['even-more.example.org']);
      }
    },
    'certificates-per-registered-domain': async (customer) => {
      for (let index = 0; index < 51; index += 1) await customer.issue([`${index}.example.co.uk`]);
      await customer.order(['x.example.com', 'x.example.co.uk']);
      await customer.issue(['0.example.co.uk']);
      await customer.wait(4 * hour);
      await customer.issue(['y.example.co.uk']);
      await customer.order(['z.example.co.uk']);
      await customer.wait(3 * hour);
      await customer.order(['z.example.co.uk']);
    },
    'certificates-per-exact-set': async (customer) => {
      for (let times = 0; times < 6; times += 1) await customer.issue(ab);
      await customer.wait(1.4 * day);
      await customer.issue(ab.toReversed());
      await customer.issue(ab);
      await customer.issue(a);
    },
    'authorization-failures': async (customer) => {
      customer.setGood('bad.example.com', false);
      for (let times = 0; times < 6; times += 1) await customer.issue(['bad.example.com']);
      await customer.order(['good.example.com', 'bad.example.com']);
      await customer.wait(12 * minute);
      customer.setGood('bad.example.com', true);
      await customer.issue(['bad.example.com']);
    },
    paused: async (customer) => {
      customer.setGood('bad.example.com', false);
      for (let times = 0; times < 1165; times += 1) {
        await customer.order(['bad.example.com']);
        await customer.prove(['bad.example.com']);
        await customer.wait(12 * minute);
      }
      await customer.order(['good.example.com', 'bad.example.com']);
    },
  })) {
    test(`of the limit ${cause}, until it is full again`, async () => {
      const answers = await compare(steps);
      assert.ok(refusedBy(answers, cause), 'the limit was reached');
      if (cause !== 'paused') assert.equal(recordField(answers.at(-1), 'block'), undefined);
    });
  }

  test('of a renewal: its window, the order that replaces, and a second one', async () => {
    await compare(async (customer) => {
      await customer.issue(a);
      await customer.renewalWindow(a);
      await customer.issue(a, a);
      await customer.wait(60 * day);
      await customer.renewalWindow(a);
      await customer.order(a, a);
      await customer.order(a, a);
      await customer.prove(a);
      await customer.finalize(a);
      await customer.wait(8 * day);
      await customer.issue(a, a);
    });
  });

  test('whatever is asked, in whatever order', async () => {
    const hosts = ['a.example.com', 'b.example.com', 'c.example.org'];
    const set = fc
      .constantFrom([hosts[0]], [hosts[1], hosts[0]], [hosts[2]], hosts)
      .map((names) => names.map(String));
    const step = fc.oneof(
      fc.record({
        type: fc.constantFrom('order', 'prove', 'finalize', 'issue', 'issue'),
        set,
        replaced: fc.oneof(fc.constant([]), set, set),
      }),
      fc.record({ type: fc.constant('good'), host: fc.constantFrom(...hosts), good: fc.boolean() }),
      fc.record({
        type: fc.constant('wait'),
        time: fc.constantFrom(second, 10 * minute, hour, 7 * hour, day, 6.5 * day, 29.5 * day, 121 * day),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        await compare(async (customer) => {
          for (const one of steps) {
            if ('time' in one) await customer.wait(one.time);
            else if ('host' in one) customer.setGood(one.host, one.good);
            else if (one.type === 'order') await customer.order(one.set, one.replaced);
            else if (one.type === 'prove') await customer.prove(one.set);
            else if (one.type === 'finalize') await customer.finalize(one.set);
            else await customer.issue(one.set, one.replaced);
          }
        });
      }),
      { seed: 20261124, numRuns: 60 },
    );
  });
});
