import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const fleet = 10_000;
export const changesPerSecond = 100;

/** What the program says when it listens, and what it is told: whether Ingresses are to change. */
export type Word = { readonly port: number } | { readonly changes: boolean };

const program = fileURLToPath(new URL('inspected-process.ts', import.meta.url));

/** Ten thousand Ingress actors with their inspector in a process of their own. */
export class Inspected implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<Inspected> {
    const child = fork(program);
    const [word]: Word[] = await once(child, 'message');
    if (word === undefined || !('port' in word)) throw new Error('the inspected process does not listen');
    return new Inspected(child, word.port);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @param changes whether a hundred Ingresses a second are checked, each of which changes twice then */
  tell(changes: boolean): void {
    this.#child.send({ changes } satisfies Word);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
