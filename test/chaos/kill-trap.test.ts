import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { CaAnswer } from '../ca/exchange.ts';
import type { Answer, Passage } from '../controller-failures/faulty-proxy.ts';
import type { Moment } from './kill-points.ts';
import { type Step, Steps } from './kill-steps.ts';
import { Trap } from './kill-trap.ts';

const subject = { namespace: 'shop', ingress: 'one', secret: 'one-tls', host: 'one.example.com' };
const passed: Answer = { status: 200, headers: {}, body: '{}' };

/** What was done to the process and to the request, in its order. */
function scene() {
  const story: string[] = [];
  const victim = { kill: () => void story.push('killed'), pause: () => void story.push('paused') };
  const passage = (name = subject.secret): Passage => ({
    method: 'GET',
    path: `/api/v1/namespaces/shop/secrets/${name}`,
    query: new URLSearchParams(),
    body: '',
    forward: () => {
      story.push('served');
      return Promise.resolve(passed);
    },
  });
  const trap = (moment: Moment, occurrence = 1) =>
    new Trap<typeof victim>(new Steps(subject), { step: 'secret-read', occurrence, moment }, () => true);
  return { story, victim, passage, trap };
}

describe('the trap for the process that leads', () => {
  it('kills it before the request gets to the server', async () => {
    const { story, victim, passage, trap } = scene();
    assert.equal(await trap('before').apiRequest(victim, passage()), 'hang-up');
    assert.deepEqual(story, ['killed']);
  });

  it('kills it when the server has done the request, without the answer', async () => {
    const { story, victim, passage, trap } = scene();
    assert.equal(await trap('lost').apiRequest(victim, passage()), 'hang-up');
    assert.deepEqual(story, ['served', 'killed']);
  });

  it('kills it after the answer, at its next request at the latest', async () => {
    const { story, victim, passage, trap } = scene();
    const set = trap('after');
    assert.equal(await set.apiRequest(victim, passage()), passed);
    assert.deepEqual(story, ['served']);
    assert.equal(await set.apiRequest(victim, passage()), 'hang-up');
    assert.equal(await set.sprung, victim);
    assert.equal(story.filter((deed) => deed === 'served').length, 1);
  });

  it('lets the request of the dead process get to the server when another one leads', async () => {
    const { story, victim, passage, trap } = scene();
    const set = trap('late');
    assert.equal(await set.apiRequest(victim, passage()), 'hang-up');
    assert.deepEqual(story, ['killed']);
    await set.takenOver();
    assert.deepEqual(story, ['killed', 'served']);
  });

  it('holds the answer for a process that stands still until another one leads', async () => {
    const { story, victim, passage, trap } = scene();
    const set = trap('held');
    const answer = set.apiRequest(victim, passage());
    assert.equal(await set.sprung, victim);
    assert.deepEqual(story, ['served', 'paused']);
    await set.takenOver();
    assert.equal(await answer, passed);
  });

  it('takes an update of the DNS for that of the process that has asked for something before', async () => {
    const { story, victim, passage } = scene();
    const changes = [{ name: `_acme-challenge.${subject.host}`, action: 'add' }];
    const handle = (): Buffer => {
      story.push('updated');
      return Buffer.from('done');
    };
    const set = new Trap<typeof victim>(
      new Steps(subject),
      { step: 'dns-add', occurrence: 1, moment: 'lost' },
      () => true,
    );
    await set.apiRequest(victim, passage());
    assert.equal(await set.dnsUpdate(changes, handle), undefined);
    assert.deepEqual(story, ['updated', 'killed']);
  });

  it('breaks a call of a DNS service off when it has been done', async () => {
    const { story, victim } = scene();
    const wildcard = { ...subject, host: '*.one.example.com' };
    const point = { step: 'present', occurrence: 1, moment: 'lost' } as const;
    const set = new Trap<typeof victim>(new Steps(wildcard), point, () => true);
    const call = (host: string) => ({
      path: '/present',
      body: JSON.stringify({ fqdn: `_acme-challenge.${host}.` }),
    });
    const handle = (): void => void story.push('presented');
    assert.equal(await set.dnsCall(victim, call('two.example.com'), handle), true);
    assert.equal(await set.dnsCall(victim, call('one.example.com'), handle), false);
    assert.deepEqual(story, ['presented', 'presented', 'killed']);
  });

  it('counts only the requests of its certificate', async () => {
    const { story, victim, passage, trap } = scene();
    const set = trap('before', 2);
    assert.equal(set.apiRequest(victim, passage()), undefined);
    assert.equal(set.apiRequest(victim, passage('two-tls')), undefined);
    assert.equal(await set.apiRequest(victim, passage()), 'hang-up');
    assert.deepEqual(story, ['killed']);
  });
});

describe('the requests of an issuance', () => {
  const query = new URLSearchParams();
  const named = (step: Step | undefined): string | undefined => step?.name;

  it('are known by what they do to the journal', () => {
    const steps = new Steps(subject);
    const path = '/api/v1/namespaces/kube-lego/secrets/kube-lego-journal-0';
    const put = (...entries: readonly object[]): string | undefined => {
      const data = Object.fromEntries(
        entries.map((entry, index) => [index, Buffer.from(JSON.stringify(entry)).toString('base64')]),
      );
      return named(steps.ofApiServer({ method: 'PUT', path, query, body: JSON.stringify({ data }) }));
    };
    const other = { hosts: ['two.example.com'] };
    const own = { hosts: [subject.host] };
    const orderUrl = 'https://ca.test/order/1';
    assert.deepEqual(
      [put(other), put(other, own), put(own), put(own, other), put({ ...own, orderUrl }), put(), put()],
      [undefined, 'entry', undefined, undefined, 'entry-url', 'entry-removal', undefined],
    );
  });

  it('are known by what they do to the values in the DNS, written down and at the name server', () => {
    const steps = new Steps({ ...subject, host: '*.one.example.com' });
    const path = '/api/v1/namespaces/kube-lego/secrets/kube-lego-dns-values';
    const put = (...hosts: readonly string[]): string | undefined => {
      const entries = hosts.map((host) => [host, Buffer.from(JSON.stringify({ host })).toString('base64')]);
      const body = JSON.stringify({ data: Object.fromEntries(entries) });
      return named(steps.ofApiServer({ method: 'PUT', path, query, body }));
    };
    const [own, other] = ['one.example.com', 'two.example.com'];
    assert.deepEqual(
      [put(other), put(other, own), put(own), put(other), put()],
      [undefined, 'dns-value', undefined, 'dns-value-removal', undefined],
    );
    const update = (name: string, action: string) => named(steps.ofNameServer([{ name, action }]));
    assert.deepEqual(
      [
        update(`_acme-challenge.${own}`, 'add'),
        update(`_acme-challenge.${own}`, 'remove'),
        update(`_acme-challenge.${other}`, 'add'),
      ],
      ['dns-add', 'dns-removal', undefined],
    );
  });

  it('are known by the DNSEndpoint of the record that proves the host', () => {
    const steps = new Steps({ ...subject, host: '*.one.example.com' });
    const collection = '/apis/externaldns.k8s.io/v1alpha1/namespaces/kube-lego/dnsendpoints';
    const endpointOf = (record: string): string =>
      `kube-lego-${createHash('sha256').update(record).digest('hex').slice(0, 32)}`;
    const [own, other] = ['one', 'two'].map((name) => endpointOf(`_acme-challenge.${name}.example.com`));
    const ask = (method: string, path: string, body = ''): string | undefined =>
      named(steps.ofApiServer({ method, path, query, body }));
    assert.deepEqual(
      [
        ask('GET', `${collection}/${own}`),
        ask('GET', `${collection}/${other}`),
        ask('POST', collection, JSON.stringify({ metadata: { name: own } })),
        ask('POST', collection, JSON.stringify({ metadata: { name: other } })),
        ask('DELETE', `${collection}/${own}`),
      ],
      ['endpoint-read', undefined, 'endpoint-add', undefined, 'endpoint-removal'],
    );
  });

  it('are known at the CA by the order and what it names', () => {
    const steps = new Steps(subject);
    const ask = (path: string, payload = ''): string | undefined => {
      const body = JSON.stringify({ payload: Buffer.from(payload).toString('base64url') });
      return named(steps.ofCa({ url: `https://ca.test${path}`, body }, () => false));
    };
    assert.equal(
      ask('/new-order', JSON.stringify({ identifiers: [{ type: 'dns', value: 'two.example.com' }] })),
      undefined,
    );
    assert.equal(
      ask('/new-order', JSON.stringify({ identifiers: [{ type: 'dns', value: subject.host }] })),
      'new-order',
    );
    assert.equal(ask('/order/1'), undefined);
    const answer: CaAnswer = {
      status: 201,
      headers: { location: 'https://ca.test/order/1' },
      body: JSON.stringify({ authorizations: ['https://ca.test/authz/7'] }),
    };
    steps.learn(answer);
    assert.deepEqual(
      [ask('/order/1'), ask('/order/2'), ask('/authz/7'), ask('/challenge/7/http-01'), ask('/finalize/1')],
      ['order', undefined, 'authorization', 'challenge', 'finalize'],
    );
    assert.equal(ask('/renewal-info/other'), undefined);
  });
});
