import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { ReasonCode } from '../../machines/reasons/reasons.ts';
import { untilTold } from '../controller/observation.ts';
import { eventually } from '../time/eventually.ts';
import { refusal } from './api-refusal.ts';
import type { Answer, Passage } from './faulty-proxy.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const secrets = '/api/v1/namespaces/shop/secrets';
const ingresses = '/apis/networking.k8s.io/v1/ingresses';
/** Seconds; the client itself waits for ten at most. */
const longRetryAfter = 11;

const unauthorized = refusal(401, 'Unauthorized', 'the token has expired');
const busy = refusal(429, 'TooManyRequests', 'too many requests, please try again later', longRetryAfter);
const broken = refusal(500, 'InternalError', 'etcdserver: no leader');
const taken = refusal(409, 'AlreadyExists', 'object is being deleted');

/** The requests for the Secret of an Ingress `shop/NAME`, in the order in which an issuance makes them. */
const requests = {
  read: ({ method, path }: Passage, name: string) => method === 'GET' && path === `${secrets}/${name}-tls`,
  proof: (passage: Passage, name: string) => isCreate(passage, name) && passage.query.has('dryRun'),
  write: (passage: Passage, name: string) => isCreate(passage, name) && !passage.query.has('dryRun'),
};

interface Case {
  readonly name: string;
  readonly request: keyof typeof requests;
  readonly answer: Answer;
  readonly reason: ReasonCode;
  readonly told: RegExp;
}

const remedies = {
  denied: String.raw`\. Check kube-lego's ServiceAccount, Roles and bindings \(see deploy/base\), and the policies and webhooks of the cluster\.`,
  unavailable: String.raw`\. Check the API server\.`,
  changed: String.raw`\. Nothing: the Secret is checked again\.`,
};

/** Before there is an order: an Event tells people, and the round begins anew. */
const beforeTheOrder: readonly Case[] = [
  {
    name: 'unknown',
    request: 'read',
    answer: unauthorized,
    reason: 'ApiServerDenied',
    told: told('GET', 'unknown', '401 Unauthorized: the token has expired', remedies.denied),
  },
  {
    name: 'hasty',
    request: 'read',
    answer: busy,
    reason: 'ApiServerUnavailable',
    told: told('GET', 'hasty', '429 TooManyRequests: too many requests', ', .*', remedies.unavailable),
  },
  {
    name: 'broken',
    request: 'read',
    answer: broken,
    reason: 'ApiServerUnavailable',
    told: told('GET', 'broken', '500 InternalError: etcdserver: no leader', remedies.unavailable),
  },
  {
    name: 'unknown-later',
    request: 'proof',
    answer: unauthorized,
    reason: 'ApiServerDenied',
    told: told('POST', '', '401 Unauthorized: the token has expired', remedies.denied),
  },
  {
    name: 'hasty-later',
    request: 'proof',
    answer: busy,
    reason: 'ApiServerUnavailable',
    told: told('POST', '', '429 TooManyRequests: too many requests', ', .*', remedies.unavailable),
  },
  {
    name: 'broken-later',
    request: 'proof',
    answer: broken,
    reason: 'ApiServerUnavailable',
    told: told('POST', '', '500 InternalError: etcdserver: no leader', remedies.unavailable),
  },
  {
    name: 'taken',
    request: 'proof',
    answer: taken,
    reason: 'SecretChanged',
    told: told('POST', '', '409 AlreadyExists: object is being deleted', remedies.changed),
  },
];

/** With a certificate in hand: it is kept, the log tells why it is not stored, and the write is tried again. */
const whileStoring = { unauthorized, busy, broken, taken };

/** What a request of the Ingress `shop/NAME` is answered. */
interface Refusal {
  readonly request: keyof typeof requests;
  readonly answer: Answer;
  /** how often; default: until it is taken away */
  readonly times?: number;
}

let stage: Stage;
/** By the name of the Ingress. */
const refusals = new Map<string, Refusal>();
/** When such a request came, in milliseconds since the epoch, by the name of the Ingress. */
const asked = new Map<string, number[]>();

before(async () => {
  stage = await startStage({ namespaces: ['shop'], proxyApiServer: true });
  await stage.startController();
});
after(() => stage.stop());

// At the same time: most of it is waiting.
describe('an API server that answers', { concurrency: true }, () => {
  before(() => {
    stage.apiServer.interfere = (passage) => {
      for (const [name, { request, answer, times = Number.POSITIVE_INFINITY }] of refusals) {
        if (!requests[request](passage, name)) continue;
        const before = asked.get(name) ?? [];
        asked.set(name, [...before, Date.now()]);
        return before.length < times ? Promise.resolve(answer) : undefined;
      }
      return undefined;
    };
  });
  after(() => {
    stage.apiServer.interfere = () => undefined;
  });

  for (const { name, request, answer, reason, told } of beforeTheOrder) {
    it(`${answer.status} to the ${request} of a Secret: people are told, and the certificate comes when it is itself again`, async () => {
      await applyRefused(name, { request, answer });
      assert.match(await stage.untilWarned(`shop/${name}`, reason), told);
      const { next, since } = await stage.untilState(`shop/${name}`, 'backing-off');
      const at = next.at ?? Number.POSITIVE_INFINITY;
      // The first step of a failure of its own would be a minute.
      assert.ok(at - since < 45_000, `it is tried again after ${at - since} ms`);
      if (answer === busy) assert.ok(at - firstAsked(name) >= longRetryAfter * 1000);

      refusals.delete(name);
      await stage.untilIssued(`shop/${name}`);
    });
  }

  for (const [trouble, answer] of Object.entries(whileStoring)) {
    it(`${answer.status} to the write of a certificate: the log tells it, and the same certificate is stored later`, async () => {
      const name = `${trouble}-write`;
      await applyRefused(name, { request: 'write', answer });
      const message = new RegExp(`^The certificate is not stored yet: POST ${secrets}: ${answer.status} `);
      await eventually('the log says so', async () => (await logOf(name)).some((msg) => message.test(msg)));
      assert.equal((await stage.view(`shop/${name}`))?.state, 'storing');
      assert.equal(await stage.secret(`shop/${name}-tls`), undefined);

      refusals.delete(name);
      await stage.untilIssued(`shop/${name}`);
      if (answer === busy) assert.ok(Date.now() - firstAsked(name) >= longRetryAfter * 1000);
      assert.deepEqual(await untilTold(stage, `shop/${name}`), ['Normal CertificateIssued']);
    });
  }

  it('409 to every write of a certificate is not asked as fast as it answers', async () => {
    await applyRefused('contended', { request: 'write', answer: taken, times: 5 });
    await stage.untilIssued('shop/contended');
    const pauses = (await logOf('contended')).filter((msg) => msg.includes('not stored yet'));
    assert.equal(pauses.length, 4, 'all but the first conflict are waited for');
  });

  it('429 with a short Retry-After is asked again when it said, and nobody is bothered', async () => {
    const answer = refusal(429, 'TooManyRequests', 'please wait', 1);
    await applyRefused('patient', { request: 'read', answer, times: 2 });
    await stage.untilIssued('shop/patient');
    const [first = 0, second = 0, third = 0] = asked.get('patient') ?? [];
    assert.ok(second - first >= 1000 && third - second >= 1000, `${first}, ${second}, ${third}`);
    assert.deepEqual(await untilTold(stage, 'shop/patient'), ['Normal CertificateIssued']);
  });
});

describe('all these answers', () => {
  it('have cost no order more than there are certificates', async () => {
    assert.equal(await stage.orders(), asked.size);
  });
});

describe('an API server whose watches of Ingresses', () => {
  const cases: Readonly<
    Record<string, { readonly answer: Answer | 'hang-up'; readonly logged: RegExp; readonly what: string }>
  > = {
    closed: {
      what: 'are closed at once',
      answer: { status: 200, headers: { 'content-type': 'application/json' }, body: '' },
      logged: /^GET .*\/ingresses: the API server closed the watch at once$/,
    },
    broken: {
      what: 'are hung up',
      answer: 'hang-up',
      logged: /^GET .*\/ingresses: the API server cannot be reached: UND_ERR_SOCKET$/,
    },
    gone: {
      what: 'say that what they know is too old',
      answer: refusal(410, 'Expired', 'too old resource version: 1 (2)'),
      logged: /^GET .*\/ingresses: 410 Expired: too old resource version: 1 \(2\)$/,
    },
  };
  afterEach(() => {
    stage.apiServer.interfere = () => undefined;
  });

  for (const [name, { what, answer, logged }] of Object.entries(cases)) {
    it(`${what}: the log says so, and what changed meanwhile is seen when they last again`, async () => {
      const logLength = (await stage.log()).length;
      let refused = 0;
      stage.apiServer.interfere = ({ path, query }) => {
        if (path !== ingresses || !query.has('watch')) return undefined;
        refused += 1;
        return Promise.resolve(answer);
      };
      // The watch that is open ends, so that it is begun again.
      stage.apiServer.breakConnections();
      await eventually('it was refused, and the log says so', async () => {
        const since = (await stage.log()).slice(logLength);
        // The first refusal is told of when the second comes.
        return refused > 1 && since.some(({ msg, err }) => isInterrupted(msg) && logged.test(words(err)));
      });
      await apply(name);
      stage.apiServer.interfere = () => undefined;
      await stage.untilIssued(`shop/${name}`);
    });
  }
});

/** Applies the Ingress `shop/NAME`, of which a request is refused. */
async function applyRefused(name: string, refusal: Refusal): Promise<void> {
  refusals.set(name, refusal);
  await apply(name);
}

function firstAsked(name: string): number {
  return asked.get(name)?.[0] ?? Number.NaN;
}

/** What the log says of the Ingress `shop/NAME`. */
async function logOf(name: string): Promise<string[]> {
  return (await stage.log())
    .filter(({ ingress }) => ingress === `shop/${name}`)
    .map(({ msg }) => String(msg));
}

async function apply(name: string): Promise<void> {
  await stage.apply(ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
}

function isCreate({ method, path, body }: Passage, name: string): boolean {
  return method === 'POST' && path === secrets && body.includes(`"${name}-tls"`);
}

function told(method: string, name: string, ...rest: readonly string[]): RegExp {
  const path = name === '' ? secrets : `${secrets}/${name}-tls`;
  return new RegExp(`^${method} ${path}: ${rest.join('')}`);
}

function isInterrupted(msg: unknown): boolean {
  return msg === 'The watch of ingresses was interrupted; kube-lego reconnects.';
}

function words(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '';
}
