import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { WebSocket } from 'ws';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import type { Finding } from '../ca/authorizations.ts';
import { EventStream } from '../inspector/event-stream.ts';
import { receive, valuesIn } from '../inspector/stately-receiver.ts';
import { eventually } from '../time/eventually.ts';
import { ingress, type Manifest } from './objects.ts';
import { type Stage, startStage } from './stage.ts';
import { StrictCa } from './strict-ca.ts';

let stage: Stage;
let ca: StrictCa;
/** Tokens of all challenges that the CA looked for. */
const tokens = new Set<string>();
/** Everything that viewers got, live. */
const seen: string[] = [];

async function validate(host: string, token: string, keyAuthorization: string): Promise<Finding> {
  tokens.add(token);
  const url = `http://127.0.0.1:${stage.world.edge.httpPort}/.well-known/acme-challenge/${token}`;
  const { body } = await request(url, { headers: { host } });
  return (await body.text()) === keyAuthorization ? 'ok' : 'wrong-answer';
}

describe('a run with viewers, an issuance, a failure and a pause', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    ca = await StrictCa.start(stage, { validate });
    await stage.world.dns.setNoAddress('dead.example.com');
    await stage.startController({
      ...ca.environment,
      LEGO_LOG_LEVEL: 'trace',
      LEGO_STATELY_INSPECTOR: 'on',
    });
  });
  after(async () => {
    await stage.stop();
    await ca[Symbol.asyncDispose]();
  });

  it('tells nobody a key, a token or an unpause URL, but for the one Event that is there for it', async (t) => {
    const { inspector } = stage.world.ports;
    const keys = ['good', 'dead', 'paused'].map((name) => `shop/${name}`);
    const streams = await Promise.all(
      ['/events', ...keys.map((key) => `/events?source=Ingress/${key}`)].map((path) =>
        EventStream.open(`http://127.0.0.1:${inspector}${path}`),
      ),
    );
    const socket = new WebSocket(`ws://127.0.0.1:${inspector}/stately`);
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') seen.push(data);
    });
    await once(socket, 'open');
    const received = receive(t, `ws://127.0.0.1:${inspector}/stately`);
    await eventually('the receiver is attached', () => received.length > 0);
    const one = (name: string): Manifest =>
      ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } });
    await stage.apply(one('good'), one('dead'));
    await stage.untilIssued('shop/good');
    const { accounts, origin, pauses } = ca.server.ca;
    pauses.pause(accounts.byUrl(`${origin}/account/1`), 'paused.example.com');
    await stage.apply(one('paused'));
    await stage.untilWarned('shop/dead', 'SelfCheckFailed');
    const told = await stage.untilWarned('shop/paused', 'PauseLink');
    const [, jwt = ''] = /\/unpause\?jwt=(\S+)$/.exec(told) ?? [];
    assert.equal(pauses.unpause(jwt), 1, 'the link is whole');
    await stage.untilState('shop/paused', 'backing-off');
    await eventually('the viewers know', () => {
      const [overview] = streams;
      return overview?.events.some(({ data }) => data.includes('NamePaused')) === true;
    });

    const good = received.find((frame) => stringField(frame, 'name') === 'Ingress/shop/good');
    assert.deepEqual(
      valuesIn(received, stringField(good, 'sessionId') ?? ''),
      ['checking', 'queued', 'provisioning-challenge', 'validating', 'storing', 'idle'],
      'a receiver of @statelyai/inspect sees the whole issuance',
    );

    const secrets = await secretsOfThisRun(jwt);
    const events = arrayField(await stage.object('/api/v1/events'), 'items');
    const links = events.filter((event) => JSON.stringify(event).includes(jwt));
    assert.equal(links.length, 1);
    assert.equal(stringField(links[0], 'reason'), 'PauseLink');
    const emitted = {
      'the live page': streams.flatMap((stream) => stream.events.map(({ data }) => data)).join('\n'),
      "Stately's frames": seen.join('\n'),
      "what a receiver of Stately's frames gets": JSON.stringify(received),
      'the details': (
        await Promise.all(keys.map((key) => stage.controller.page('inspector', `/sources/Ingress/${key}`)))
      ).join('\n'),
      'the views': await stage.controller.page('inspector', '/sources'),
      'the metrics': await stage.controller.metrics(),
      'the log': await readFile(stage.controller.log, 'utf8'),
      Events: JSON.stringify(events.filter((event) => !links.includes(event))),
      Ingresses: JSON.stringify(await stage.object('/apis/networking.k8s.io/v1/ingresses')),
      'the ledger': JSON.stringify(await stage.object('/api/v1/configmaps')),
      'annotations of Secrets': JSON.stringify(
        arrayField(await stage.object('/api/v1/secrets'), 'items').map((secret) =>
          withoutData(recordField(secret, 'metadata')),
        ),
      ),
    };
    for (const [place, text] of Object.entries(emitted)) {
      assert.ok(text.length > 50, `${place} were looked at`);
      for (const [what, secret] of secrets) assert.ok(!text.includes(secret), `${what} is in ${place}`);
    }
    for (const stream of streams) stream.close();
    socket.terminate();
  });
});

/** Parts that tell each secret from anything else, with what it is. */
async function secretsOfThisRun(jwt: string): Promise<[what: string, secret: string][]> {
  const account = await stage.secret('kube-lego/kube-lego-account');
  const stored = await stage.secret('shop/good-tls');
  const keys = [account?.['tls.key'], stored?.['tls.key']];
  const lines = keys.flatMap((pem) => (pem ?? '').split('\n').filter((line) => /^[\w+/=]{40,}$/.test(line)));
  const found: [string, string][] = [
    ...lines.map((line): [string, string] => ['a line of a private key', line]),
    ...[...tokens].map((token): [string, string] => ['a token', token]),
    ['the header of a private key', 'PRIVATE KEY'],
    ['the way to lift a pause', 'jwt='],
    ['the JWT', jwt.slice(0, 60)],
  ];
  assert.ok(lines.length >= 4 && tokens.size >= 1);
  return found;
}

/** The API server keeps what was last applied by kubectl in an annotation; nothing here is applied by kubectl. */
function withoutData(metadata: unknown): unknown {
  return isRecord(metadata)
    ? { annotations: metadata['annotations'], labels: metadata['labels'] }
    : undefined;
}
