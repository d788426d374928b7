import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { startDns } from '../../deploy/local/dns.ts';
import { onFreePorts } from '../../deploy/local/free-ports.ts';
import { startPebble } from '../../deploy/local/pebble.ts';
import { type Session, startSession } from '../../deploy/local/session.ts';
import { AccountStore } from '../../src/acme/account/account.ts';
import { placeOrder } from '../../src/acme/order/order.ts';
import { OrderError } from '../../src/acme/protocol/order-error.ts';
import { CaClock } from '../../src/acme/transport/ca-clock.ts';
import { AcmeProblem, type Endpoint } from '../../src/acme/transport/problem.ts';
import { AcmeTransport, type SignedAnswer, type SignedRequest } from '../../src/acme/transport/transport.ts';
import { createCsr } from '../../src/certificate/making/csr.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import { systemClock } from '../../src/time/clock.ts';
import { newKeyPem } from '../acme/keys.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { Responder } from '../acme/world.ts';
import { presenterOf } from '../challenges/presenter.ts';
import { CaServer } from './server.ts';

/** Notes what each object of the CA was, one after the other. */
class Witness extends AcmeTransport {
  readonly states = new Map<string, string[]>();

  override async post(request: SignedRequest, badNonces: number): Promise<SignedAnswer> {
    const { endpoint } = request;
    try {
      const answer = await super.post(request, badNonces);
      if (answer.rejectsNonce) return answer;
      const object = answer.data;
      const host = stringField(recordField(object, 'identifier'), 'value');
      const subject = endpoint === 'authorization' ? `authorization of ${host}` : subjectOf(endpoint);
      const state = endpoint === 'challenge' ? 'answered' : (stringField(object, 'status') ?? 'downloaded');
      this.#note(subject, endpoint === 'account' ? 'there' : state);
      return answer;
    } catch (error) {
      if (error instanceof AcmeProblem) this.#note(subjectOf(endpoint), `${error.type} ${error.status}`);
      throw error;
    }
  }

  /** What a poll finds on the way is chance, and how often. */
  #note(subject: string, state: string): void {
    const states = this.states.get(subject) ?? [];
    if (state !== 'processing' && (states.at(-1) !== state || subject === 'challenges')) states.push(state);
    this.states.set(subject, states);
  }
}

function subjectOf(endpoint: Endpoint): string {
  if (endpoint === 'challenge') return 'challenges';
  return ['new-order', 'order', 'finalize', 'certificate'].includes(endpoint) ? 'order' : endpoint;
}

/** A CA, and what is seen of it by the client that kube-lego is. */
interface Party {
  readonly name: string;
  readonly directoryUrl: string;
  readonly caBundle: string;
  readonly rootPem: () => Promise<string>;
  readonly responder: Responder;
  readonly stop: () => Promise<void>;
}

interface Run {
  readonly hosts: readonly string[];
  readonly wrong?: readonly string[];
  /** Names of the CSR, where they are not the hosts. */
  readonly named?: readonly string[];
}

const runs: Readonly<Record<string, readonly Run[]>> = {
  'one host': [{ hosts: ['a.example.com'] }],
  'three hosts': [{ hosts: ['a.example.com', 'b.example.com', 'c.example.com'] }],
  'the same set again, whose proofs are still good': [
    { hosts: ['a.example.com'] },
    { hosts: ['a.example.com'] },
  ],
  'a host with a wrong answer, then with the right one': [
    { hosts: ['good.example.com', 'bad.example.com'], wrong: ['bad.example.com'] },
    { hosts: ['good.example.com', 'bad.example.com'] },
  ],
  'a CSR for other names': [{ hosts: ['a.example.com'], named: ['b.example.com'] }],
  'a CSR for fewer names': [{ hosts: ['a.example.com', 'b.example.com'], named: ['a.example.com'] }],
};

let session: Session;
const parties: Party[] = [];

describe('the strict CA and pebble', () => {
  before(async () => {
    session = await startSession();
    const dns = await startDns({ session });
    const pebblePort = await respond();
    const pebble = await startPebble({
      session,
      vaHttpPort: pebblePort.port,
      vaTlsPort: 1,
      dnsAddress: dns.address,
      nonceReject: 20,
      authzReuse: 100,
    });
    parties.push({
      name: 'pebble',
      directoryUrl: pebble.directoryUrl,
      caBundle: await readFile(pebble.caBundle, 'utf8'),
      rootPem: () => pebble.rootPem(),
      responder: pebblePort.responder,
      stop: () => pebblePort.responder.stop(),
    });
    const { port, responder } = await respond();
    const server = await CaServer.start({
      vaHttpPort: port,
      dnsAddress: dns.address,
      issuanceTime: () => 50,
    });
    server.ca.faults.badNonceRate = 0.2;
    parties.push({
      name: 'strict',
      directoryUrl: server.ca.directoryUrl,
      caBundle: server.caBundle,
      rootPem: () => Promise.resolve(server.ca.rootPem),
      responder,
      stop: async () => {
        await responder.stop();
        await server[Symbol.asyncDispose]();
      },
    });
  });
  after(async () => {
    for (const party of parties) await party.stop();
    await session.stop();
  });

  for (const [what, series] of Object.entries(runs))
    it(`go through the same states: ${what}`, async (context) => {
      const [ofPebble, ofOurs] = [await seen(0, series), await seen(1, series)];
      assert.deepEqual(ofOurs, ofPebble);
      context.diagnostic(JSON.stringify(ofOurs));
    });
});

async function respond(): Promise<{ readonly port: number; readonly responder: Responder }> {
  const responder = new Responder();
  return onFreePorts(1, async ([port = 0]) => {
    await responder.start(port);
    return { port, responder };
  });
}

/** What a new account goes through in these runs. */
async function seen(index: number, series: readonly Run[]): Promise<object> {
  const party = parties[index];
  assert.ok(party);
  const clock = new CaClock(systemClock);
  const transport = new Witness({
    clock,
    userAgent: 'kube-lego/test',
    caBundle: party.caBundle,
    proxy: { httpsProxy: '', noProxy: '' },
  });
  const { directoryUrl, responder } = party;
  const accounts = new AccountStore({ transport, store: new MemoryStore(), clock, directoryUrl });
  responder.thumbprint = () => accounts.thumbprint();
  const outcomes: string[] = [];
  try {
    for (const { hosts, wrong = [], named = hosts } of series) {
      responder.wrongHosts.clear();
      for (const host of wrong) responder.wrongHosts.add(host);
      const csr = createCsr(named, newKeyPem());
      const { signal } = new AbortController();
      const work = accounts.withAccount(signal, (account) =>
        placeOrder({ account, transport, clock, signal, hosts, presenterOf, csr }),
      );
      outcomes.push(await outcome(work, await party.rootPem()));
    }
  } finally {
    await transport.close();
  }
  return { outcomes, states: Object.fromEntries(transport.states) };
}

async function outcome(work: Promise<{ chainPem: string }>, rootPem: string): Promise<string> {
  try {
    const { chainPem } = await work;
    const [leaf, issuer] = chainPem
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter((pem) => pem.includes('BEGIN'))
      .map((pem) => new X509Certificate(pem));
    assert.ok(leaf !== undefined && issuer !== undefined);
    assert.ok(leaf.verify(issuer.publicKey) && issuer.verify(new X509Certificate(rootPem).publicKey));
    return String(leaf.subjectAltName?.split(', ').toSorted().join(' '));
  } catch (error) {
    assert.ok(error instanceof OrderError, String(error));
    return `${error.kind}, ${error.problem?.type} ${error.problem?.status}`;
  }
}
