import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateInput } from '../../machines/certificate.ts';
import { HostJournal } from '../../src/inspector/host-journal.ts';
import { HostProgressWriter } from '../../src/inspector/host-progress.ts';
import { desiredCertificate, now, route } from '../machines/builders.ts';

const hosts = ['a.example.com', 'b.example.com'];

function round(id: string, secretName = 'web-tls'): CertificateInput {
  return {
    id,
    ingress: 'shop/web',
    ingressUid: 'uid',
    desired: desiredCertificate({ secretName, hosts: hosts.map((host) => route(host)) }),
    hosts: hosts.map((host) => route(host)),
    reason: 'missing',
    found: undefined,
    harmAt: now,
    exemption: 'none',
  };
}

/** The states of the seven steps, by their first letter: Waiting, Running, Done, Failed, Unknown. */
function shown(journal: HostJournal, secretName = 'web-tls'): string[] {
  return journal
    .of('shop/web', secretName)
    .map(({ steps }) => steps.map(({ state }) => state.slice(0, 1).toUpperCase()).join(''));
}

const done = () => Promise.resolve();
const reachable = { kind: 'reachable', notice: undefined } as const;
const wrong = { kind: 'wrong-answer', message: 'Another server.', status: 404, finalHost: 'a' } as const;

describe('how far the hosts have come', () => {
  it('goes on step by step, host by host', async () => {
    const journal = new HostJournal(() => now);
    journal.onChange = () => undefined;
    const progress = new HostProgressWriter(journal);
    const input = round('1');
    await progress.provisioning(input, async () => {
      assert.deepEqual(shown(journal), ['WRWWWWW', 'WRWWWWW']);
      progress.checking(input, 'a.example.com');
      progress.verdict(input, 'a.example.com', wrong, false);
      assert.deepEqual(shown(journal), ['DDRWWWW', 'WRWWWWW']);
      progress.verdict(input, 'a.example.com', reachable, true);
      progress.checking(input, 'b.example.com');
      progress.verdict(input, 'b.example.com', reachable, true);
      assert.deepEqual(shown(journal), ['DDDWWWW', 'DDDWWWW']);
      return done();
    });
    await progress.obtaining(input, () => {
      progress.order({ type: 'ORDER_MADE', id: '1' });
      assert.deepEqual(shown(journal)[0], 'DDDDRWW');
      progress.order({ type: 'HOSTS_PROVEN', id: '1', hosts });
      progress.order({ type: 'CERTIFICATE_ISSUED', id: '1' });
      return done();
    });
    await progress.storing(input, done);
    assert.deepEqual(shown(journal), ['DDDDDDD', 'DDDDDDD']);
  });

  it('ends at the host that is to blame, and leaves the others where they were', async () => {
    const journal = new HostJournal(() => now);
    const progress = new HostProgressWriter(journal);
    const input = round('1');
    journal.begin(input);
    await assert.rejects(
      progress.obtaining(input, () => {
        progress.order({ type: 'ORDER_MADE', id: '1' });
        progress.order({ type: 'HOSTS_FAILED', id: '1', hosts: ['b.example.com'] });
        return Promise.reject(new Error('one is dead'));
      }),
    );
    assert.deepEqual(shown(journal), ['WWWDWWW', 'WWWDFWW']);
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
    progress.verdict(input, 'a.example.com', { ...wrong, unresolved: true }, true);
    progress.verdict(input, 'b.example.com', { kind: 'inconclusive', message: 'No way.' }, true);
    assert.deepEqual(shown(journal), ['FWUWWWW', 'DWUWWWW']);
    const steps = journal.of('shop/web', 'web-tls')[0]?.steps;
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
