import { Resolver } from 'node:dns/promises';
import { onFreePorts } from './free-ports.ts';
import { LocalError } from './local-error.ts';
import type { ManagedProcess } from './managed-process.ts';
import { type Session, startSession } from './session.ts';
import { toolPath } from './tools/tool-path.ts';

export interface DnsOptions {
  readonly session?: Session;
  /** address of names without records; '' = none. Default 127.0.0.1 */
  readonly defaultIPv4?: string;
}

/** Milliseconds, of a start and of a request. */
const patience = 60_000;

/** A DNS server whose records the test sets (pebble-challtestsrv). It cannot answer NXDOMAIN: a name without address is NODATA. */
export class Dns implements AsyncDisposable {
  /** 127.0.0.1:PORT, over UDP and TCP */
  readonly address: string;
  readonly log: string;
  readonly #managementUrl: string;
  readonly #process: ManagedProcess;
  readonly #ownSession: Session | undefined;

  /** Use `startDns`. */
  constructor(parts: {
    address: string;
    managementUrl: string;
    process: ManagedProcess;
    ownSession?: Session;
  }) {
    this.address = parts.address;
    this.log = parts.process.log;
    this.#managementUrl = parts.managementUrl;
    this.#process = parts.process;
    this.#ownSession = parts.ownSession;
  }

  /** Replaces the name's IPv4 addresses. */
  async setA(host: string, addresses: readonly string[]): Promise<void> {
    await this.clearA(host);
    await this.#post('add-a', { host, addresses });
  }

  /** Restores the default address. */
  async clearA(host: string): Promise<void> {
    await this.#post('clear-a', { host });
  }

  async setAaaa(host: string, addresses: readonly string[]): Promise<void> {
    await this.clearAaaa(host);
    await this.#post('add-aaaa', { host, addresses });
  }

  async clearAaaa(host: string): Promise<void> {
    await this.#post('clear-aaaa', { host });
  }

  /** Gives the name no address, not even the default, until `clearA`. */
  async setNoAddress(host: string): Promise<void> {
    // The server skips an invalid address, but counts it as a record, so the default does not apply.
    await this.setA(host, ['none']);
  }

  async setCname(host: string, target: string): Promise<void> {
    await this.#post('set-cname', { host, target });
  }

  async clearCname(host: string): Promise<void> {
    await this.#post('clear-cname', { host });
  }

  /** Every query for the name is answered with SERVFAIL. */
  async servfail(host: string): Promise<void> {
    await this.#post('set-servfail', { host });
  }

  async clearServfail(host: string): Promise<void> {
    await this.#post('clear-servfail', { host });
  }

  async stop(): Promise<void> {
    await this.#process.stop({ signal: 'SIGKILL' });
    await this.#ownSession?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #post(action: string, body: unknown): Promise<void> {
    const answer = await fetch(`${this.#managementUrl}/${action}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
    });
    const text = await answer.text();
    if (!answer.ok) {
      throw new LocalError(
        'RequestFailed',
        `pebble-challtestsrv answered ${action} with ${answer.status}: ${text}`,
      );
    }
  }
}

/** @throws LocalError */
export async function startDns(options: DnsOptions = {}): Promise<Dns> {
  const session = options.session ?? (await startSession());
  try {
    return await onFreePorts(2, async ([dnsPort = 0, managementPort = 0]) => {
      const address = `127.0.0.1:${dnsPort}`;
      const process = session.spawn({
        name: 'dns',
        command: toolPath('pebble-challtestsrv'),
        args: [
          `-dnsserver=${address}`,
          `-management=127.0.0.1:${managementPort}`,
          `-defaultIPv4=${options.defaultIPv4 ?? '127.0.0.1'}`,
          // Otherwise AAAA ::1 would come first.
          '-defaultIPv6=',
          '-http01=',
          '-https01=',
          '-tlsalpn01=',
          '-doh=',
        ],
      });
      const managementUrl = `http://127.0.0.1:${managementPort}`;
      try {
        await process.untilReady((signal) => isReady(address, managementUrl, signal), patience);
      } catch (error) {
        await process.stop({ signal: 'SIGKILL' });
        throw error;
      }
      const own = options.session === undefined ? { ownSession: session } : {};
      return new Dns({ address, managementUrl, process, ...own });
    });
  } catch (error) {
    if (options.session === undefined) await session.stop();
    throw error;
  }
}

async function isReady(address: string, managementUrl: string, signal: AbortSignal): Promise<boolean> {
  const answer = await fetch(`${managementUrl}/clear-a`, {
    method: 'POST',
    body: '{"host":"ready.invalid"}',
    signal,
  });
  await answer.text();
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([address]);
  // NODATA is an answer, too.
  const failure: unknown = await resolver.resolve4('ready.invalid').then(
    () => undefined,
    (error: unknown) => error,
  );
  const silent = failure instanceof Error && 'code' in failure && failure.code !== 'ENODATA';
  return answer.ok && !silent;
}
