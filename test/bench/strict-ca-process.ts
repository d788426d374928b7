import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ManagedProcess } from '../../deploy/local/managed-process.ts';
import type { World } from '../../deploy/local/world.ts';
import { patience } from './patience.ts';

const program = fileURLToPath(new URL('../ca/main.ts', import.meta.url));

/** The strict CA of the tests in its own process, for more orders in flight than pebble supports. */
export class StrictCaProcess implements AsyncDisposable {
  readonly directoryUrl: string;
  /** path of a PEM file: for LEGO_CA_BUNDLE */
  readonly caBundle: string;
  readonly #process: ManagedProcess;
  #seen = 0;

  private constructor(started: ManagedProcess, directoryUrl: string, caBundle: string) {
    this.#process = started;
    this.directoryUrl = directoryUrl;
    this.caBundle = caBundle;
  }

  /** @param vaHttpPort port of its HTTP-01 validation */
  static async start({ dns, session }: World, name: string, vaHttpPort: number): Promise<StrictCaProcess> {
    const caBundle = join(session.directory, `${name}.pem`);
    const options = ['--va-http-port', String(vaHttpPort), '--ca-bundle', caBundle, '--dns', dns.address];
    const started = session.spawn({ name, command: process.execPath, args: [program, ...options] });
    let url: string | undefined;
    await started.untilReady(async () => {
      [url] = /^https:\S+(?=\n)/m.exec(await readFile(started.log, 'utf8')) ?? [];
      return url !== undefined;
    }, patience);
    return new StrictCaProcess(started, url ?? '', caBundle);
  }

  /** Its requests since the last call, as `endpoint status`. */
  async take(): Promise<string[]> {
    const lines = (await readFile(this.#process.log, 'utf8')).match(/^[a-z-]+ \d+$/gm) ?? [];
    const taken = lines.slice(this.#seen);
    this.#seen = lines.length;
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}
