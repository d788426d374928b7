import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { onFreePorts } from './free-ports.ts';
import { LocalError } from './local-error.ts';
import type { ManagedProcess } from './managed-process.ts';
import {
  type PebbleConfiguration,
  pebbleConfiguration,
  pebbleEnvironment,
  writePebbleFiles,
} from './pebble-configuration.ts';
import { guardAgainstDeadlock } from './pebble-deadlock.ts';
import { type Session, startSession } from './session.ts';
import { toolPath } from './tools/tool-path.ts';

export interface PebbleOptions extends PebbleConfiguration {
  readonly session?: Session;
}

/** Milliseconds, of a start and of a request. */
const patience = 60_000;
// It refuses requests without one (RFC 8555 section 6.1), and undici's `request` sends none.
const headers = { 'user-agent': 'kube-lego-local' };
const restartAttempts = 10;

/** A real ACME CA without mercy and without memory: pebble on free ports of 127.0.0.1. */
export class Pebble implements AsyncDisposable {
  readonly directoryUrl: string;
  /** path of the authority (PEM) that signed the listener's certificate: for LEGO_CA_BUNDLE. Not the issuing root */
  readonly caBundle: string;
  /** https://127.0.0.1:PORT of the management interface, with the same listener certificate */
  readonly managementUrl: string;
  /** path of its log, which has a line for each request */
  readonly log: string;
  readonly #agent: Agent;
  readonly #launch: () => Promise<ManagedProcess>;
  readonly #ownSession: Session | undefined;
  #process: ManagedProcess;

  /** Use `startPebble`. */
  constructor(parts: {
    readonly endpoints: Endpoints;
    readonly caBundle: string;
    readonly agent: Agent;
    readonly process: ManagedProcess;
    readonly launch: () => Promise<ManagedProcess>;
    readonly ownSession?: Session;
  }) {
    this.directoryUrl = parts.endpoints.directory;
    this.managementUrl = parts.endpoints.management;
    this.caBundle = parts.caBundle;
    this.log = parts.process.log;
    this.#agent = parts.agent;
    this.#process = parts.process;
    this.#launch = parts.launch;
    this.#ownSession = parts.ownSession;
  }

  /** The root that signs the certificates it issues (PEM); with `alternateRoots`, also those from 1 on. */
  async rootPem(index = 0): Promise<string> {
    return this.#management(`/roots/${index}`);
  }

  /** The intermediate that signs the certificates it issues (PEM). */
  async intermediatePem(index = 0): Promise<string> {
    return this.#management(`/intermediates/${index}`);
  }

  /**
   * Sets the answer to ARI requests about one certificate (RFC 9773), which is sent as it is, sensible or not.
   * @param certificatePem the leaf
   */
  async setRenewalInfo(certificatePem: string, answer: string): Promise<void> {
    await this.#management('/set-renewal-info/', { certificate: certificatePem, ariResponse: answer });
  }

  /**
   * Waits for the work, but gives up when pebble has locked itself up, which it does under load and which otherwise
   * looks like a time-out of whatever is tested.
   * @throws LocalError Deadlocked, and whatever the work throws
   */
  async guard<T>(work: Promise<T>): Promise<T> {
    return guardAgainstDeadlock(work, (signal) => this.#storeAnswers(signal));
  }

  /** Kills it like a crash. */
  async stopServer(): Promise<void> {
    await this.#process.stop({ signal: 'SIGKILL' });
  }

  /** Starts it again, on the same ports and with the same listener certificate: new roots, no accounts, no orders. */
  async startServer(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#process = await this.#launch();
        return;
      } catch (error) {
        const taken = error instanceof LocalError && error.code === 'PortTaken';
        if (!taken || attempt === restartAttempts) throw error;
        await delay(200);
      }
    }
  }

  async restart(): Promise<void> {
    await this.stopServer();
    await this.startServer();
  }

  async stop(): Promise<void> {
    await this.#process.stop({ signal: 'SIGKILL' });
    await this.#agent.destroy();
    await this.#ownSession?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Asks for something that takes the lock of its memory store: the directory and nonces do not, and answer for ever. */
  async #storeAnswers(signal: AbortSignal): Promise<void> {
    const answer = await request(`${this.managementUrl}/cert-status-by-serial/1`, {
      dispatcher: this.#agent,
      headers,
      signal,
    });
    await answer.body.dump();
  }

  async #management(path: string, body?: unknown): Promise<string> {
    const answer = await request(`${this.managementUrl}${path}`, {
      dispatcher: this.#agent,
      headers,
      method: body === undefined ? 'GET' : 'POST',
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
    });
    const text = await answer.body.text();
    if (answer.statusCode < 400) return text;
    throw new LocalError('RequestFailed', `pebble answered ${path} with ${answer.statusCode}: ${text}`);
  }
}

interface Endpoints {
  readonly directory: string;
  readonly management: string;
}

/** @throws LocalError */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const session = options.session ?? (await startSession());
  try {
    const files = await writePebbleFiles(session.directory, options.name ?? 'pebble');
    const agent = new Agent({ connect: { ca: await readFile(files.caBundle, 'utf8'), timeout: patience } });
    return await onFreePorts(2, async ([port = 0, managementPort = 0]) => {
      const endpoints: Endpoints = {
        directory: `https://127.0.0.1:${port}/dir`,
        management: `https://127.0.0.1:${managementPort}`,
      };
      await writeFile(
        files.config,
        JSON.stringify(pebbleConfiguration(options, files, { port, managementPort })),
      );
      const launch = async (): Promise<ManagedProcess> => {
        const started = session.spawn({
          name: options.name ?? 'pebble',
          command: toolPath('pebble'),
          args: ['-config', files.config, '-dnsserver', options.dnsAddress, '-strict'],
          environment: pebbleEnvironment(options),
        });
        try {
          await started.untilReady((signal) => isReady(endpoints, agent, signal), patience);
          return started;
        } catch (error) {
          await started.stop({ signal: 'SIGKILL' });
          throw error;
        }
      };
      const own = options.session === undefined ? { ownSession: session } : {};
      return new Pebble({
        endpoints,
        caBundle: files.caBundle,
        agent,
        launch,
        process: await launch(),
        ...own,
      });
    });
  } catch (error) {
    if (options.session === undefined) await session.stop();
    throw error;
  }
}

async function isReady(endpoints: Endpoints, agent: Agent, signal: AbortSignal): Promise<boolean> {
  const answers = await Promise.all(
    [endpoints.directory, `${endpoints.management}/roots/0`].map((url) =>
      request(url, { dispatcher: agent, headers, signal }),
    ),
  );
  await Promise.all(answers.map((answer) => answer.body.dump()));
  return answers.every((answer) => answer.statusCode === 200);
}
