import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Authority } from '../../deploy/local/authority.ts';
import type { Explanation } from '../../src/commands/explain/explanation.ts';
import { refusal } from '../controller-failures/api-refusal.ts';
import { type BadEntry, badEntries, uncommonHosts } from '../controller-failures/bad-entries.ts';
import type { Interference, Passage } from '../controller-failures/faulty-proxy.ts';
import { ingress, type Manifest, secret } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import {
  besideController,
  explained,
  explainedInPod,
  explainedInTrouble,
  runBehindProxy,
} from './command-run.ts';

const secrets = '/api/v1/namespaces/shop/secrets';
const ingresses = '/apis/networking.k8s.io/v1/ingresses';
const json = { 'content-type': 'application/json' };

const unauthorized = refusal(401, 'Unauthorized', 'the token has expired');
const forbidden = refusal(403, 'Forbidden', 'not for you');
const taken = refusal(409, 'AlreadyExists', 'object is being deleted');
const busy = refusal(429, 'TooManyRequests', 'please try again later', 11);
const broken = refusal(500, 'InternalError', 'etcdserver: no leader');

let stage: Stage;

before(async () => {
  stage = await startStage({ namespaces: ['shop'], proxyCa: true, proxyApiServer: true });
  // A public CA as far as the controller knows: that its root is trusted comes from elsewhere.
  const NODE_EXTRA_CA_CERTS = join(stage.world.session.directory, 'ca-proxy.pem');
  await stage.startController({ LEGO_CA_BUNDLE: '', NODE_EXTRA_CA_CERTS });
});
afterEach(() => {
  stage.ca.interfere = () => undefined;
  stage.apiServer.interfere = () => undefined;
});
after(() => stage.stop());

describe('kube-lego explain of an Ingress', () => {
  for (const [name, { entry, told }] of Object.entries<BadEntry>(badEntries)) {
    it(`with a bad entry (${name}) says what is wrong with it and what to do`, async () => {
      await stage.apply(site(name, [entry]));
      const { verdict, why, next, remedy } = await explained(stage, `shop/${name}`);
      assert.equal(verdict, 'not-served');
      assert.match(`${why} ${remedy}`, told);
      assert.equal(next, 'Nothing, until the Ingress changes.');
    });
  }

  it('of long hosts, one of them named twice, in two entries of one Secret, says that all is well', async () => {
    const hosts = [uncommonHosts, uncommonHosts.slice(1)];
    await stage.apply(
      site(
        'uncommon',
        hosts.map((some) => ({ secretName: 'uncommon-tls', hosts: some })),
      ),
    );
    await stage.untilIssued('shop/uncommon');
    const { verdict, why } = await explained(stage, 'shop/uncommon');
    assert.deepEqual([verdict, why], ['good', 'All its Secrets hold a good certificate.']);
  });

  for (const [name, data, told] of [
    ['prose', { 'tls.crt': 'not a certificate', 'tls.key': 'nor a key' }, /holds no readable key pair: /],
    ['crossed', crossedPair('crossed.example.com'), /The tls\.key in Secret crossed-tls does not belong to/],
  ] as const) {
    it(`whose Secret is bad (${name}) says what is wrong with the Secret and what to do`, async () => {
      await stage.apply(secret(`shop/${name}-tls`, data), site(name));
      const { verdict, why, next, remedy } = await explained(stage, `shop/${name}`);
      assert.equal(verdict, 'failing');
      assert.match(why, told);
      assert.match(why, /kube-lego did not create it, so it is left alone\. kubectl annotate secret /);
      assert.equal(next, 'Nothing is tried until the Ingress or the Secret changes.');
      assert.match(remedy ?? '', /^Name another Secret, delete this one, or have it adopted/);
    });
  }
});

describe('kube-lego explain, while the CA answers with', () => {
  it('a date that is an hour off, says that all is well', async () => {
    stage.ca.interfere = async ({ forward }) => {
      const answer = await forward();
      const date = new Date(Date.now() + 3_600_000).toUTCString();
      return { ...answer, headers: { ...answer.headers, date } };
    };
    await stage.apply(site('hour'));
    await stage.untilIssued('shop/hour');
    assert.equal((await explained(stage, 'shop/hour', besideController(stage))).verdict, 'good');
  });
});

describe('kube-lego explain, while the API server answers the controller with', () => {
  const denied = /^Check kube-lego's ServiceAccount, Roles and bindings/;
  const unavailable = /^Check the API server\.$/;
  for (const [name, answer, told, remedy] of [
    ['unknown', unauthorized, /^ApiServerDenied: GET .*: 401 Unauthorized: the token has expired\.$/, denied],
    ['refused', forbidden, /^ApiServerDenied: GET .*: 403 Forbidden: not for you\.$/, denied],
    ['hasty', busy, /^ApiServerUnavailable: GET .*: 429 TooManyRequests: /, unavailable],
    [
      'broken',
      broken,
      /^ApiServerUnavailable: GET .*: 500 InternalError: etcdserver: no leader\.$/,
      unavailable,
    ],
  ] as const) {
    it(`${answer.status}, says so at once, though no outcome is written yet`, async () => {
      stage.apiServer.interfere = ({ path }) =>
        path === `${secrets}/${name}-tls` ? Promise.resolve(answer) : undefined;
      await stage.apply(site(name));
      await stage.untilState(`shop/${name}`, 'backing-off');
      const explanation = await explainedInTrouble(stage, `shop/${name}`);
      assert.match(explanation.why, told);
      assert.match(explanation.remedy ?? '', remedy);
    });
  }

  it('409 to the write of a certificate, says that it is being stored', async () => {
    stage.apiServer.interfere = (passage) => (isWrite(passage, 'taken') ? Promise.resolve(taken) : undefined);
    await stage.apply(site('taken'));
    await stage.untilState('shop/taken', 'storing');
    const { verdict, why, next } = await explainedInPod(stage, 'shop/taken');
    assert.equal(verdict, 'waiting');
    assert.equal(why, 'Secret taken-tls does not exist.');
    assert.equal(next, 'kube-lego is storing: write the Secret.');
  });

  for (const [name, answer] of [
    ['closed', { status: 200, headers: json, body: '' }],
    ['gone', refusal(410, 'Expired', 'too old resource version: 1 (2)')],
  ] as const) {
    it(`watches that break (${name}), says that the controller may not see the Ingress`, async () => {
      let cut = 0;
      stage.apiServer.interfere = ({ path, query }) => {
        if (path !== ingresses) return undefined;
        cut += 1;
        // Nor does the list help that follows upon a 410.
        return Promise.resolve(query.has('watch') ? answer : broken);
      };
      stage.apiServer.breakConnections();
      await eventually('the watch is cut', () => cut > 0);
      await stage.apply(site(name));
      const { verdict, why, next } = await explained(stage, `shop/${name}`, besideController(stage));
      assert.equal(verdict, 'waiting');
      assert.match(why, new RegExp(`^Secret ${name}-tls does not exist\\.`));
      assert.match(
        next,
        /^kube-lego handles it within seconds; if not, see its log: it may not be running, or not see/,
      );
    });
  }
});

describe('kube-lego explain, when the API server answers it with', () => {
  for (const [answer, told] of [
    [unauthorized, /^GET .*: 401 Unauthorized: the token has expired\nLog in again: /],
    [forbidden, /^GET .*: 403 Forbidden: not for you\nUse a kubeconfig that may list Ingresses/],
    [taken, /^GET .*: 409 AlreadyExists: .*\nCheck the API server and the connection to it/],
    [busy, /^GET .*: 429 TooManyRequests: .*\nCheck the API server and the connection to it/],
    [
      broken,
      /^GET .*: 500 InternalError: etcdserver: no leader\nCheck the API server and the connection to it/,
    ],
  ] as const) {
    it(`${answer.status}, says so, and what to do, and ends with 3`, async () => {
      const { code, output, errors } = await explainBehind(() => Promise.resolve(answer));
      assert.deepEqual([code, output], [3, '']);
      assert.match(errors.replace('The API server cannot be reached: ', ''), told);
    });
  }

  it('403 to the Secret alone, tells what can be told without it', async () => {
    const { code, output } = await explainBehind(({ path }) =>
      path.startsWith(secrets) ? Promise.resolve(forbidden) : undefined,
    );
    const explanation: Explanation = JSON.parse(output);
    assert.equal(code, 1);
    assert.equal(explanation.verdict, 'failing');
    const found = explanation.checks.find(({ about }) => about === 'Secret prose-tls');
    assert.equal(found?.text, 'Secret prose-tls may not be read with this kubeconfig.');
  });

  async function explainBehind(interfere: Interference) {
    return runBehindProxy(stage, 'explain', ['shop/prose', '-o', 'json'], interfere);
  }
});

/** An Ingress `shop/NAME` with these entries of `spec.tls`, or one good one; the API server refuses rules for some of the hosts. */
function site(
  name: string,
  tls: readonly BadEntry['entry'][] = [{ secretName: `${name}-tls`, hosts: [`${name}.example.com`] }],
): Manifest {
  const defaultBackend = { service: { name: 'web', port: { number: 80 } } };
  return { ...ingress(`shop/${name}`, { tls: {} }), spec: { defaultBackend, tls } };
}

/** The certificate of one key and another key. */
function crossedPair(host: string): Record<string, string> {
  const authority = new Authority('A CA that somebody bought from');
  const [one, other] = [authority.issue({ hosts: [host] }), authority.issue({ hosts: [host] })];
  return { 'tls.crt': one.chainPem, 'tls.key': other.keyPem };
}

function isWrite({ method, path, query, body }: Passage, name: string): boolean {
  return method === 'POST' && path === secrets && !query.has('dryRun') && body.includes(`"${name}-tls"`);
}
