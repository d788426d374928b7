import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A PATH that holds the usual tools of a shell and stand-ins for Go and npm, but nothing that is really installed. */
export class StandInTools implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<StandInTools> {
    const tools = new StandInTools(await mkdtemp(join(tmpdir(), 'kube-lego-tools-')));
    await mkdir(join(tools.directory, 'bin'));
    return tools;
  }

  /** An environment with no other program in PATH, an empty cache and no npm around it. */
  environment(overrides: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return {
      HOME: this.directory,
      PATH: join(this.directory, 'bin'),
      XDG_CACHE_HOME: join(this.directory, 'cache'),
      ...overrides,
    };
  }

  /** @param script for /bin/sh */
  async add(name: string, script: string): Promise<void> {
    const path = join(this.directory, 'bin', name);
    await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
    await chmod(path, 0o755);
  }

  /**
   * A `go` that says it is of this version, and whose builds write a line into `builds` and take a moment.
   * @param seconds how long each build takes
   */
  async addGo(version: string, seconds = 0): Promise<void> {
    await this.add(
      'go',
      `if [ "$1" = version ]; then echo "go version go${version} linux/amd64"; exit; fi
      while [ "$1" != -o ]; do shift; done
      echo "$3" >> ${join(this.directory, 'builds')}
      sleep ${seconds}
      echo '#!/bin/sh' > "$2"; chmod +x "$2"`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
