import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { pino } from 'pino';
import { createActor, fromTransition } from 'xstate';
import type { HostRoute } from '../../machines/ownership/desired-certificate.ts';
import type { OfferedChallenge } from '../../src/acme/order/authorization.ts';
import { AcmeTransport } from '../../src/acme/transport/transport.ts';
import { Announcer } from '../../src/actors/announcer.ts';
import { createIngressLogic } from '../../src/actors/ingress-logic.ts';
import { Rounds } from '../../src/actors/rounds.ts';
import { CertificateAuthority } from '../../src/authority/certificate-authority.ts';
import { Draining } from '../../src/authority/draining.ts';
import { IssuedCertificates } from '../../src/certificate/issued-certificates.ts';
import { Vault } from '../../src/certificate/vault.ts';
import type { ChallengeSolver, HostVerdict, Preparation } from '../../src/challenges/challenge-solver.ts';
import { ChallengeSolvers } from '../../src/challenges/challenge-solvers.ts';
import type { CertificateToStore } from '../../src/kubernetes/records/secret-store.ts';
import { systemClock } from '../../src/time/clock.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { CaServer } from '../ca/server.ts';
import { memoryJournal } from '../journal/memory-journal.ts';
import { MemoryLedgerStore } from '../ledger/memory-ledger-store.ts';
import { assignment, day, desiredCertificate, hour, now, route } from '../machines/builders.ts';
import { noHolders } from '../ownership/no-holders.ts';
import { noRevocations } from '../revocation/no-revocations.ts';
import { noKeystores } from '../steps/no-keystores.ts';
import { noPlaceholders } from '../steps/no-placeholders.ts';
import { noTrial } from '../steps/no-trial.ts';
import { eventually } from '../time/eventually.ts';

/** Proves hosts by values in a zone (RFC 8555 section 8.4), and writes down what it is asked for. */
class ZoneSolver implements ChallengeSolver {
  readonly type = 'dns-01';
  readonly calls: string[] = [];
  /** By record name. */
  readonly zone = new Map<string, Set<string>>();
  readonly #verdict: (host: string) => HostVerdict;

  constructor(verdict: (host: string) => HostVerdict = (host) => ({ host, kind: 'provable' })) {
    this.#verdict = verdict;
  }

  prepare({ hosts }: Preparation, _signal: AbortSignal): Promise<readonly HostVerdict[]> {
    this.calls.push(`prepare ${namesOf(hosts)}`);
    return Promise.resolve(hosts.map(({ host }) => this.#verdict(host)));
  }

  present(_: string, { host, wildcard, token, keyAuthorization }: OfferedChallenge): Promise<void> {
    assert.ok(keyAuthorization.startsWith(`${token}.`));
    this.calls.push(`present ${wildcard ? '*.' : ''}${host}`);
    const values = this.zone.get(host) ?? new Set();
    this.zone.set(host, values.add(digestOf(keyAuthorization)));
    return Promise.resolve();
  }

  cleanUp(): void {
    this.calls.push('cleanUp');
    this.zone.clear();
  }

  canJudge(): boolean {
    return false;
  }
}

/** One Ingress that asks for these hosts, at a strict CA that looks into the solver's zone. */
async function issue(t: TestContext, solver: ZoneSolver, ...hosts: string[]) {
  let orders = 0;
  const ca = await CaServer.start({
    vaHttpPort: 1,
    onEvent: ({ type }) => {
      if (type === 'order-made') orders += 1;
      if (type === 'issued') solver.calls.push('issued');
    },
    validateDns: (host, keyAuthorization) =>
      Promise.resolve(solver.zone.get(host)?.has(digestOf(keyAuthorization)) === true ? 'ok' : 'dns'),
  });
  t.after(() => ca[Symbol.asyncDispose]());
  const proxy = { httpsProxy: '', noProxy: '' };
  const { caBundle } = ca;
  const { directoryUrl } = ca.ca;
  const authority = new CertificateAuthority({
    draining: new Draining(),
    directoryUrl,
    rateLimits: { limits: {}, reserve: 0 },
    profile: undefined,
    accountSecret: new MemoryStore(),
    ledgerStore: new MemoryLedgerStore(),
    userAgent: 'test',
    clock: systemClock,
    signal: new AbortController().signal,
    log: pino({ level: 'silent' }),
    newTransport: (options) => new AcmeTransport({ ...options, caBundle, proxy }),
  });
  t.after(() => authority.close());
  const vault = new Vault();
  const issued = new IssuedCertificates(vault);
  const solvers = new ChallengeSolvers([solver], () => solver);
  const stored: CertificateToStore[] = [];
  const told: string[] = [];
  const rounds = new Rounds(
    (event) => {
      if (event.type === 'ROUND_STARTED') rounds.admit(event.round.id, Date.now());
      if (event.type === 'SLOT_REQUESTED' || event.type === 'SLOT_RECLAIMED')
        rounds.grantSlot(event.id, Date.now());
    },
    (id) => {
      solvers.cleanUp(id);
      issued.release(id);
    },
  );
  const logic = createIngressLogic({
    rounds,
    clock: systemClock,
    announcer: new Announcer(
      { publish: ({ reason, message }) => void told.push(`${reason}: ${message}`) },
      { publish: () => undefined, publishWaiting: () => undefined, said: () => undefined },
      pino({ level: 'silent' }),
    ),
    observer: {
      provisioning: (_, work) => work(),
      obtaining: (_, work) => work(),
      storing: (_, work) => work(),
    },
    steps: {
      ca: authority,
      account: authority.account,
      holders: noHolders,
      journal: memoryJournal(),
      revocations: noRevocations,
      solvers,
      keystores: noKeystores,
      placeholders: noPlaceholders,
      vault,
      issued,
      slots: rounds,
      clock: systemClock,
      secrets: {
        read: () => Promise.resolve(undefined),
        proveWritable: () => Promise.resolve(),
        write: (_namespace, _name, _found, certificate) => {
          stored.push(certificate);
          return Promise.resolve({ uid: 'uid', resourceVersion: '1' });
        },
      },
      trial: noTrial,
      onPause: () => undefined,
      onNotice: () => undefined,
      policy: { minimumValidity: 30 * day, directory: directoryUrl, staging: false },
      keyType: 'ec-p256',
      preferredChain: undefined,
    },
  });
  const parent = createActor(fromTransition((state) => state, {})).start();
  const desired = [desiredCertificate({ hosts: hosts.map((host) => route(host)) })];
  createActor(logic, {
    parent,
    id: 'Ingress/shop/web',
    input: {
      key: 'Ingress/shop/web',
      uid: 'uid',
      assignment: { ...assignment([]), desired },
      policy: { checkInterval: 8 * hour, minimumValidity: 30 * day },
      at: now,
    },
  }).start();

  await eventually('the round has ended', () => told.length > 0 && solver.calls.at(-1) === 'cleanUp');
  return { stored, told, orders };
}

describe('a solver of another type of challenge', () => {
  it('gets a certificate through the unchanged rest, a wildcard too, and is cleaned up when the CA has looked', async (t) => {
    const solver = new ZoneSolver();
    const { stored, told } = await issue(t, solver, 'example.com', '*.example.com');
    assert.match(told.join(), /^CertificateIssued: /);
    const [leaf] = stored.map(({ chainPem }) => new X509Certificate(chainPem));
    assert.deepEqual(leaf?.subjectAltName?.split(', ').toSorted(), ['DNS:*.example.com', 'DNS:example.com']);
    const [first, ...others] = solver.calls;
    assert.equal(first, 'prepare example.com *.example.com');
    assert.deepEqual(others.splice(-3), ['cleanUp', 'issued', 'cleanUp']);
    assert.deepEqual(others.toSorted(), ['present *.example.com', 'present example.com']);
  });

  it('has the wildcard named that the CA could not validate, not the host above it', async (t) => {
    const solver = new ZoneSolver();
    const inZone = solver.present.bind(solver);
    solver.present = async (round, challenge) => {
      if (!challenge.wildcard) await inZone(round, challenge);
    };
    const { told } = await issue(t, solver, 'example.com', '*.example.com');
    assert.match(told.join(), /^ChallengeFailed: .*\*\.example\.com/);
  });

  it('whose preparation finds a host wrong costs no order, and is cleaned up', async (t) => {
    const message = 'Host bad.example.com has no zone.';
    const solver = new ZoneSolver((host) => ({
      host,
      kind: 'not-provable',
      code: 'SelfCheckFailed',
      message,
    }));
    const { stored, told, orders } = await issue(t, solver, 'bad.example.com');
    assert.match(told.join(), /^SelfCheckFailed: Host bad\.example\.com has no zone\./);
    assert.deepEqual([stored, orders], [[], 0]);
    assert.deepEqual(solver.calls, ['prepare bad.example.com', 'cleanUp']);
  });
});

describe('the solvers', () => {
  const preparation = {
    round: '1',
    namespace: 'shop',
    thumbprint: 'x',
    selfCheck: true,
    judged: [],
    unready: [],
  };

  it('are each given the hosts that are theirs', async () => {
    const [one, other] = [new ZoneSolver(), new ZoneSolver()];
    const solvers = new ChallengeSolvers([one, other], ({ host }) => (host.startsWith('*.') ? one : other));
    const hosts = ['*.a.example', 'b.example', '*.c.example'].map((host) => route(host));
    const verdicts = await solvers.prepare({ ...preparation, hosts }, new AbortController().signal);
    assert.equal(verdicts.length, 3);
    assert.deepEqual([one.calls, other.calls], [['prepare *.a.example *.c.example'], ['prepare b.example']]);
    solvers.cleanUp('1');
    assert.deepEqual([one.calls.at(-1), other.calls.at(-1)], ['cleanUp', 'cleanUp']);
  });

  it('are told of the hosts that are theirs before these are prepared', () => {
    const told: string[] = [];
    const [one, other] = ['one', 'other'].map((name) =>
      Object.assign(new ZoneSolver(), { expect: () => void told.push(name) }),
    );
    assert.ok(one && other);
    const solvers = new ChallengeSolvers([one, other], ({ host }) => (host.startsWith('*.') ? one : other));
    solvers.expect([route('*.a.example'), route('*.b.example')], Promise.resolve());
    assert.deepEqual(told, ['one']);
    solvers.expect([route('*.a.example'), route('b.example')], Promise.resolve());
    assert.deepEqual(told, ['one', 'one', 'other']);
  });

  it('have all ended their preparation when one fails', async () => {
    const ended: string[] = [];
    const failing = new ZoneSolver();
    failing.prepare = () => Promise.reject(new Error('no zone'));
    const slow = new ZoneSolver();
    slow.prepare = async (_, signal) => {
      if (!signal.aborted) await once(signal, 'abort');
      await Promise.resolve();
      ended.push('slow');
      throw signal.reason;
    };
    const solvers = new ChallengeSolvers([failing, slow], ({ host }) =>
      host.startsWith('*.') ? failing : slow,
    );
    const hosts = ['*.a.example', 'b.example'].map((host) => route(host));
    await assert.rejects(solvers.prepare({ ...preparation, hosts }, new AbortController().signal), /no zone/);
    assert.deepEqual(ended, ['slow']);
  });
});

function namesOf(hosts: readonly HostRoute[]): string {
  return hosts.map(({ host }) => host).join(' ');
}

function digestOf(keyAuthorization: string): string {
  return createHash('sha256').update(keyAuthorization).digest('base64url');
}
