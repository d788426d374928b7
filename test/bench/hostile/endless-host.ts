import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('endless-host-process.ts', import.meta.url));

/** A web server, in a process of its own, whose answers never come to an end. */
export class EndlessHost implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param port on 127.0.0.1 */
  static async start(port: number): Promise<EndlessHost> {
    const child = fork(program, [String(port)]);
    await once(child, 'message');
    return new EndlessHost(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }
}
