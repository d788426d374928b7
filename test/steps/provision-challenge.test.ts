import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { HostVerdict } from '../../src/challenges/challenge-solver.ts';
import { type JournalOptions, wantedOrder } from '../../src/steps/order-record.ts';
import { type ProvisionChallengeOptions, provisionChallenge } from '../../src/steps/provision-challenge.ts';
import { noUnfinishedOrders } from '../journal/memory-journal.ts';
import { certificateInput, desiredCertificate, route } from '../machines/builders.ts';
import { noHolders } from '../ownership/no-holders.ts';
import { noTrial } from './no-trial.ts';

const both = [route('a.example.com'), route('b.example.com')];
const dead = (host: string): HostVerdict => ({
  host,
  kind: 'not-provable',
  code: 'SelfCheckFailed',
  message: `Host ${host} does not exist in the DNS.`,
});

/** What the step asked for, in order, and what it ended with. */
async function provision(
  changes: Partial<CertificateInput>,
  recheck: (hosts: readonly string[]) => readonly HostVerdict[] | undefined = () => undefined,
  orders: Partial<JournalOptions & Pick<ProvisionChallengeOptions, 'ca'>> = {},
  verdictOf: (host: string) => HostVerdict = (host) => ({ host, kind: 'provable' }),
) {
  const asked: string[] = [];
  const input = certificateInput({ desired: desiredCertificate({ hosts: both }), ...changes });
  const outcome = await provisionChallenge(
    {
      account: {
        ensureAccount: () => {
          asked.push('account');
          return Promise.resolve({ thumbprint: 'thumbprint' });
        },
      },
      secrets: {
        proveWritable: () => {
          asked.push('Secret');
          return Promise.resolve();
        },
      },
      trial: noTrial,
      holders: noHolders,
      ...noUnfinishedOrders(),
      ...orders,
      solvers: {
        expect: (hosts, proofs) => {
          asked.push(`expect ${hosts.map(({ host }) => host).join(' ')}`);
          void proofs.then(() => asked.push('proven'));
        },
        prepare: ({ hosts }) => {
          asked.push(`prepare ${hosts.map(({ host }) => host).join(' ')}`);
          return Promise.resolve(hosts.map(({ host }) => verdictOf(host)));
        },
        recheck: (hosts) => {
          asked.push(`recheck ${hosts.map(({ host }) => host).join(' ')}`);
          return Promise.resolve(recheck(hosts.map(({ host }) => host)));
        },
      },
      onNotice: () => undefined,
    },
    input,
    new AbortController().signal,
  ).catch((error: unknown) => {
    if (error instanceof StepError) return error.failure;
    throw error;
  });
  return { asked, outcome };
}

describe('a repeated self-check', () => {
  it('asks for nothing but the hosts that failed while none of them can be provable', async () => {
    const { asked, outcome } = await provision({ unready: ['b.example.com'] }, (hosts) => hosts.map(dead));
    assert.deepEqual(asked, ['recheck b.example.com']);
    assert.partialDeepStrictEqual(outcome, { code: 'SelfCheckFailed', hosts: ['b.example.com'] });
  });

  it('is a whole one as soon as one of them may be', async () => {
    const { asked, outcome } = await provision({ unready: ['a.example.com', 'b.example.com'] });
    assert.deepEqual(asked, [
      'recheck a.example.com b.example.com',
      'account',
      'expect a.example.com b.example.com',
      'Secret',
      'proven',
      'prepare a.example.com b.example.com',
    ]);
    assert.equal(outcome, undefined);
  });

  it('is none at the first time, for hosts that are no longer ordered, and without self-check', async () => {
    const desired = desiredCertificate({ hosts: both, selfCheck: false });
    for (const changes of [{}, { unready: ['gone.example.com'] }, { unready: ['a.example.com'], desired }]) {
      const { asked } = await provision(changes, (hosts) => hosts.map(dead));
      assert.deepEqual(asked, [
        'account',
        'expect a.example.com b.example.com',
        'Secret',
        'proven',
        'prepare a.example.com b.example.com',
      ]);
    }
  });
});

describe('a round that can only find out whether a host may return', () => {
  it('does not touch the hosts that are served meanwhile', async () => {
    const returning = { hosts: ['b.example.com'], passed: false, barredUntil: undefined };
    const { asked, outcome } = await provision({ returning });
    assert.deepEqual(asked, ['account', 'expect b.example.com', 'Secret', 'proven', 'prepare b.example.com']);
    assert.partialDeepStrictEqual(outcome, { code: 'HostReturning' });
  });
});

describe('a round with an unfinished order', () => {
  for (const [what, finalized, asks] of [
    ['proves nothing any more if the order is finalized', true, []],
    [
      'proves its hosts as ever if it is not',
      false,
      [
        'account',
        'expect a.example.com b.example.com',
        'Secret',
        'proven',
        'prepare a.example.com b.example.com',
      ],
    ],
  ] as const) {
    it(what, async () => {
      const { signal } = new AbortController();
      const options = noUnfinishedOrders();
      const wanted = wantedOrder(options, { desired: desiredCertificate({ hosts: both }), hosts: both });
      const entry = await options.journal.begin({ ...wanted, keyPem: 'key', exemption: 'none' }, signal);
      await options.journal.place(entry, 'https://ca.example/order/1', signal);
      const ca = { ...options.ca, progressOf: () => Promise.resolve({ finalized, retryAfter: undefined }) };
      const input = { desired: desiredCertificate({ hosts: both }), hosts: both };
      const { asked } = await provision(input, () => undefined, { ...options, ca });
      assert.deepEqual(asked, asks);
    });
  }
});

describe('a round ahead of its time, because a host has appeared', () => {
  const failure = { code: 'ChallengeFailed', message: 'NXDOMAIN', hosts: ['a.example.com'] } as const;
  const early = { kind: 'failed', failure, nextAttemptAt: undefined } as const;
  const silent =
    (name: string) =>
    (host: string): HostVerdict =>
      host === name
        ? { host, kind: 'unknown', message: `Host ${host} is silent.` }
        : { host, kind: 'provable' };

  it('asks the CA only if that host reaches us', async () => {
    const { outcome } = await provision({ early }, undefined, {}, silent('a.example.com'));
    assert.partialDeepStrictEqual(outcome, { code: 'SelfCheckFailed', hosts: ['a.example.com'] });
    assert.equal((await provision({ early })).outcome, undefined);
    assert.equal((await provision({ early }, undefined, {}, silent('b.example.com'))).outcome, undefined);
    assert.equal((await provision({}, undefined, {}, silent('a.example.com'))).outcome, undefined);
  });
});
