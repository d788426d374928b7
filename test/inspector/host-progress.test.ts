import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import { OrderError } from '../../src/acme/protocol/order-error.ts';
import { reportsOf } from '../../src/challenges/http-01/self-check/host-verdict.ts';
import type { Verdict } from '../../src/challenges/http-01/self-check/self-check.ts';
import { HostJournal } from '../../src/inspector/history/host-journal.ts';
import { HostProgressWriter } from '../../src/inspector/history/host-progress.ts';
import { certificateInput, desiredCertificate, now, route } from '../machines/builders.ts';

const hosts = ['a.example.com', 'b.example.com'];

function round(id: string, secretName = 'web-tls'): CertificateInput {
  return certificateInput({
    id,
    desired: desiredCertificate({ secretName, hosts: hosts.map((host) => route(host)) }),
  });
}

/** The states of the seven steps, by their first letter: Waiting, Running, Done, Failed, Unknown. */
function shown(journal: HostJournal, secretName = 'web-tls'): string[] {
  return journal
    .of('Ingress/shop/web', secretName)
    .map(({ steps }) => steps.map(({ state }) => state.slice(0, 1).toUpperCase()).join(''));
}

/** Of each host what is said of the step that failed. */
function details(journal: HostJournal): (string | undefined)[] {
  return journal
    .of('Ingress/shop/web', 'web-tls')
    .map(({ steps }) => steps.find(({ state }) => state === 'failed')?.detail);
}

const done = () => Promise.resolve();
const reachable = { kind: 'reachable', notice: undefined } as const;
const wrong = { kind: 'wrong-answer', message: 'Another server.', status: 404, finalHost: 'a' } as const;

/** The rule for the challenges of the host is there, and the host is asked. */
function checking(progress: HostProgressWriter, host: string): void {
  progress.preparation('1', { host, step: 'route', state: 'done' });
  progress.preparation('1', { host, step: 'self-check', state: 'running' });
}

function verdict(progress: HostProgressWriter, host: string, told: Verdict, isLast: boolean): void {
  for (const report of reportsOf(told, isLast)) progress.preparation('1', { host, ...report });
}

describe('how far the hosts have come', () => {
  it('has the steps of its challenge for each host', async () => {
    const journal = new HostJournal(() => now);
    journal.onChange = () => undefined;
    const progress = new HostProgressWriter(journal);
    const wild = route('*.example.com', { challenge: 'dns-01' });
    const desired = desiredCertificate({ hosts: [wild, route('example.com')] });
    await progress.provisioning(certificateInput({ id: '1', desired }), () => {
      progress.preparation('1', { host: '*.example.com', step: 'dns', state: 'done' });
      progress.preparation('1', {
        host: '*.example.com',
        step: 'record',
        state: 'running',
        detail: 'ns1 has it',
      });
      return done();
    });
    assert.deepEqual(
      journal
        .of('Ingress/shop/web', 'web-tls')
        .map(({ steps }) => steps.map(({ step, state }) => `${step} ${state}`)),
      [
        [
          'dns done',
          'record running',
          'challenge waiting',
          'authorization waiting',
          'order waiting',
          'secret waiting',
        ],
        [
          'dns waiting',
          'route running',
          'self-check waiting',
          'challenge waiting',
          'authorization waiting',
          'order waiting',
          'secret waiting',
        ],
      ],
    );
  });

  it('goes on step by step, host by host', async () => {
    const journal = new HostJournal(() => now);
    journal.onChange = () => undefined;
    const progress = new HostProgressWriter(journal);
    const input = round('1');
    await progress.provisioning(input, async () => {
      assert.deepEqual(shown(journal), ['WRWWWWW', 'WRWWWWW']);
      checking(progress, 'a.example.com');
      verdict(progress, 'a.example.com', wrong, false);
      assert.deepEqual(shown(journal), ['DDRWWWW', 'WRWWWWW']);
      verdict(progress, 'a.example.com', reachable, true);
      checking(progress, 'b.example.com');
      verdict(progress, 'b.example.com', reachable, true);
      assert.deepEqual(shown(journal), ['DDDWWWW', 'DDDWWWW']);
      return done();
    });
    await progress.obtaining(input, () => {
      assert.deepEqual(shown(journal), ['DDDWWRW', 'DDDWWRW']);
      progress.order({ type: 'ORDER_MADE', id: '1' });
      assert.deepEqual(shown(journal), ['DDDRWWW', 'DDDRWWW']);
      progress.authorization('1', { host: 'a.example.com', status: 'answered' });
      assert.deepEqual(shown(journal), ['DDDDRWW', 'DDDRWWW']);
      progress.authorization('1', { host: 'a.example.com', status: 'valid' });
      progress.authorization('1', { host: 'b.example.com', status: 'answered' });
      assert.deepEqual(shown(journal), ['DDDDDWW', 'DDDDRWW']);
      progress.order({ type: 'HOSTS_PROVEN', id: '1', hosts });
      assert.deepEqual(shown(journal), ['DDDDDRW', 'DDDDDRW']);
      progress.order({ type: 'CERTIFICATE_ISSUED', id: '1' });
      return done();
    });
    await progress.storing(input, done);
    assert.deepEqual(shown(journal), ['DDDDDDD', 'DDDDDDD']);
  });

  it('ends at the host that is to blame, with what the CA said of it, and leaves the others where they were', async () => {
    const journal = new HostJournal(() => now);
    const progress = new HostProgressWriter(journal);
    const input = round('1');
    journal.begin(input);
    await assert.rejects(
      progress.obtaining(input, () => {
        progress.order({ type: 'ORDER_MADE', id: '1' });
        for (const host of hosts) progress.authorization('1', { host, status: 'answered' });
        progress.authorization('1', {
          host: 'b.example.com',
          status: 'invalid',
          detail: 'Connection refused.',
        });
        progress.order({ type: 'HOSTS_FAILED', id: '1', hosts: ['b.example.com'] });
        return Promise.reject(new Error('one is dead'));
      }),
    );
    assert.deepEqual(shown(journal), ['WWWDWWW', 'WWWDFWW']);
    assert.deepEqual(details(journal), [undefined, 'Connection refused.']);
  });

  it('shows an order that the CA refuses as an order that failed, with what the CA said', async () => {
    const journal = new HostJournal(() => now);
    const progress = new HostProgressWriter(journal);
    const input = round('1');
    journal.begin(input);
    await assert.rejects(
      progress.obtaining(input, () => {
        progress.order({ type: 'ORDER_REFUSED', id: '1', block: undefined });
        return Promise.reject(new OrderError('refused', 'The CA wants no such names.'));
      }),
    );
    assert.deepEqual(shown(journal), ['WWWWWFW', 'WWWWWFW']);
    assert.deepEqual(details(journal), ['The CA wants no such names.', 'The CA wants no such names.']);
  });

  it('shows nothing as under way of a round that was broken off', async () => {
    const journal = new HostJournal(() => now);
    const progress = new HostProgressWriter(journal);
    const broken = Promise.withResolvers<void>();
    const work = progress.obtaining(round('1'), () => broken.promise);
    journal.begin(round('1'));
    progress.order({ type: 'ORDER_MADE', id: '1' });
    journal.end('1');
    broken.reject(new Error('the Ingress has changed'));
    await assert.rejects(work);
    assert.deepEqual(shown(journal), ['WWWWWWW', 'WWWWWWW']);
  });

  it('is forgotten with its Ingress, and of the oldest where there are too many hosts', () => {
    const journal = new HostJournal(() => now);
    const begin = (source: SourceKey, count: number) => {
      const many = Array.from({ length: count }, (_, index) => route(`${index}.example.com`));
      journal.begin({ ...round(source), source, hosts: many });
    };
    begin('Ingress/shop/web', 2);
    journal.forget('Ingress/shop/web');
    assert.deepEqual(shown(journal), []);
    for (let index = 0; index < 60; index += 1) begin(`Ingress/shop/${index}`, 100);
    const kept = Array.from(
      { length: 60 },
      (_, index) => journal.of(`Ingress/shop/${index}`, 'web-tls').length,
    );
    assert.deepEqual(kept, [
      ...Array.from({ length: 10 }, () => 0),
      ...Array.from({ length: 50 }, () => 100),
    ]);
  });

  it('blames what was under way where no host is to blame', async () => {
    const journal = new HostJournal(() => now);
    const progress = new HostProgressWriter(journal);
    await assert.rejects(progress.provisioning(round('1'), () => Promise.reject(new Error('forbidden'))));
    assert.deepEqual(shown(journal), ['WFWWWWW', 'WFWWWWW']);
  });

  it('tells a name that leads nowhere from one that answers wrong', () => {
    const journal = new HostJournal(() => now);
    const progress = new HostProgressWriter(journal);
    const input = round('1');
    journal.begin(input);
    verdict(progress, 'a.example.com', { ...wrong, unresolved: true }, true);
    verdict(progress, 'b.example.com', { kind: 'inconclusive', message: 'No way.' }, true);
    assert.deepEqual(shown(journal), ['FWUWWWW', 'DWUWWWW']);
    const steps = journal.of('Ingress/shop/web', 'web-tls')[0]?.steps;
    assert.equal(steps?.[0]?.detail, 'Another server.');
  });

  it('is kept of what failed, and of what succeeded only while somebody watches', async () => {
    const journal = new HostJournal(() => now);
    const progress = new HostProgressWriter(journal);
    for (const [id, secretName] of [
      ['1', 'unwatched-tls'],
      ['2', 'watched-tls'],
      ['3', 'failed-tls'],
    ] as const) {
      journal.onChange = id === '2' ? () => undefined : undefined;
      const input = round(id, secretName);
      journal.begin(input);
      const work = id === '3' ? () => Promise.reject(new Error('no')) : done;
      await progress.storing(input, work).catch(() => undefined);
      journal.end(id);
    }
    const kept = (secretName: string) => shown(journal, secretName).length > 0;
    assert.deepEqual(['unwatched-tls', 'watched-tls', 'failed-tls'].map(kept), [false, true, true]);
    journal.forgetDone();
    assert.deepEqual(['unwatched-tls', 'watched-tls', 'failed-tls'].map(kept), [false, false, true]);
  });
});
