import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { programFile } from '../../deploy/image/image.ts';
import { newKeyPem } from '../acme/keys.ts';
import { ApiStandIn, sendJson, sendStatus } from '../kubernetes/api-stand-in.ts';
import { controllerEnv } from '../process/controller-config.ts';
import { eventually } from '../time/eventually.ts';

// Any pod in the cluster, with no rights at the API server, floods the ports of kube-lego. The whole process runs, beside a stand-in
// for the API server: what is attacked does not reach the real one.

const host = 'shop.example';
const challenge = `/.well-known/acme-challenge/${'t'.repeat(43)}`;

type Port = 'responder' | 'metrics' | 'health';
/** More connections than each server has room for. */
const flood: Readonly<Record<Port, number>> = { responder: 2060, metrics: 130, health: 130 };

describe('a flood of the ports of kube-lego', () => {
  let api: ApiStandIn;
  let directory: string;
  let process: ChildProcess;
  let ports: Readonly<Record<Port, number>>;
  const attackers: Attacker[] = [];

  before(async () => {
    api = await ApiStandIn.start();
    api.put(challengeIngress);
    const account = { metadata: { name: 'kube-lego-account' }, data: { 'tls.key': btoa(newKeyPem()) } };
    api.override = ({ method }, response, { pathname }) => {
      // Nobody else leads. The rule of a former process stays: nobody can take it away.
      if (pathname.includes('/leases')) return false;
      if (method !== 'GET') sendStatus(response, 403, 'Forbidden', 'read-only');
      else if (pathname.endsWith('/secrets/kube-lego-account')) sendJson(response, 200, account);
      else return false;
      return true;
    };
    directory = await mkdtemp(join(tmpdir(), 'kube-lego-floods-'));
    const KUBECONFIG = join(directory, 'config');
    await writeFile(KUBECONFIG, api.kubeconfig);
    const env = await controllerEnv();
    process = spawn(globalThis.process.execPath, [programFile()], {
      env: { PATH: globalThis.process.env['PATH'], KUBECONFIG, ...env },
      stdio: 'ignore',
    });
    ports = {
      responder: Number(env['LEGO_PORT']),
      metrics: Number(env['LEGO_METRICS_PORT']),
      health: Number(env['LEGO_HEALTH_PORT']),
    };
    await eventually('it answers challenges', async () => (await ask(challenge)) === 200);
  });
  afterEach(() => {
    for (const attacker of attackers.splice(0)) attacker.stop();
  });
  after(async () => {
    process.kill('SIGKILL');
    await api.stop();
    await rm(directory, { recursive: true });
  });

  /** @returns the status, or what went wrong; within the kubelet's time limit for the liveness probe */
  async function ask(path: string): Promise<number | string> {
    const port = path === challenge ? ports.responder : ports.health;
    const headers = { host };
    const signal = AbortSignal.timeout(5000);
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false, signal });
    outgoing.end();
    try {
      const [response] = await once(outgoing, 'response');
      response.resume();
      return response.statusCode;
    } catch (error) {
      return String(error);
    }
  }

  /** @param opening sent on each new connection */
  async function attack(count: Partial<typeof flood>, opening = ''): Promise<void> {
    const added = (['responder', 'metrics', 'health'] as const).flatMap((port) =>
      Array.from({ length: count[port] ?? 0 }, () => new Attacker(ports[port], opening)),
    );
    attackers.push(...added);
    await eventually('all have been connected', () => added.every(({ wasConnected }) => wasConnected));
  }

  function askAll(): Promise<(number | string)[]> {
    return Promise.all(['/healthz', '/readyz', challenge].map(ask));
  }

  async function assertAllIsAnswered(): Promise<void> {
    const late: string[] = [];
    for (let round = 1; round <= 10; round += 1) {
      const answers = await askAll();
      if (isAll200(answers)) continue;
      late.push(answers.join());
      await eventually('all is answered again', async () => isAll200(await askAll()));
    }
    // On a busy machine it may stand still for longer than that, once.
    assert.ok(late.length <= 2, late.join('\n'));
  }

  it('by idle connections stops neither probes nor challenges', async () => {
    await attack(flood);
    await assertAllIsAnswered();
  });

  it('by requests that come byte by byte stops neither', async () => {
    await attack(flood, 'GET /');
    const drip = setInterval(() => {
      for (const attacker of attackers) attacker.send('x');
    }, 1000);
    try {
      await assertAllIsAnswered();
    } finally {
      clearInterval(drip);
    }
  });

  it('by pipelined requests stops neither', async () => {
    await attack({ responder: 50, metrics: 20, health: 20 }, 'GET / HTTP/1.1\r\nHost:x\r\n\r\n'.repeat(2000));
    await assertAllIsAnswered();
  });

  it('by answers that nobody reads stops neither', async () => {
    await attack({ metrics: 120 }, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    await attack({ responder: 500 }, `GET ${challenge} HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(8));
    await assertAllIsAnswered();
  });

  it('by questions for hosts that nobody validates stops neither', async () => {
    await attack({ responder: 500 }, `GET ${challenge} HTTP/1.1\r\nHost: other.example\r\n\r\n`.repeat(8));
    await assertAllIsAnswered();
  });
});

/** A connection that is opened again half a second after it was closed. */
class Attacker {
  readonly #port: number;
  readonly #opening: string;
  #socket: Socket;
  #stopped = false;
  wasConnected = false;

  constructor(port: number, opening: string) {
    this.#port = port;
    this.#opening = opening;
    this.#socket = this.#connect();
  }

  send(text: string): void {
    if (this.#socket.writable) this.#socket.write(text);
  }

  stop(): void {
    this.#stopped = true;
    this.#socket.destroy();
  }

  #connect(): Socket {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('connect', () => {
      this.wasConnected = true;
      socket.write(this.#opening);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      setTimeout(() => {
        if (!this.#stopped) this.#socket = this.#connect();
      }, 500);
    });
    return socket;
  }
}

function isAll200(answers: readonly (number | string)[]): boolean {
  return answers.every((answer) => answer === 200);
}

const backend = { service: { name: 'kube-lego', port: { number: 8080 } } };
const challengeIngress = {
  metadata: {
    name: 'kube-lego',
    namespace: 'kube-lego',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
    annotations: {
      'kube-lego.io/challenge-hosts': host,
      'kube-lego.io/challenge-thumbprint': 'A'.repeat(43),
    },
  },
  spec: { rules: [{ host, http: { paths: [{ path: '/.well-known/acme-challenge/', backend }] } }] },
};
