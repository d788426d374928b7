import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { recipes } from '../../deploy/local/tools/tools.mjs';

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
   * A `go` that says it is of this version, lists a package `lib` beside each program as not compiled, and whose builds
   * write a line into `builds`. The modules of definitions lie in its cache already.
   * @param awaited path of a file that each build waits for, if given
   */
  async addGo(version: string, awaited = this.directory): Promise<void> {
    const modules = join(this.directory, 'modules');
    for (const recipe of Object.values(recipes)) {
      if (!('download' in recipe)) continue;
      for (const file of recipe.files) {
        const path = join(modules, recipe.download, file);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, `file: ${file}\n`);
      }
    }
    await this.add(
      'go',
      `case $1 in
      version) echo "go version go${version} linux/amd64" ;;
      mod) ;;
      env) echo ${modules} ;;
      list)
        echo "go: downloading example.com/module v1.0.0" >&2
        while [ "$1" != -f ]; do shift; done
        shift 2
        printf 'lib\\t/lib\\t\\n'
        for program; do printf '%s\\t/%s\\tlib \\n' "$program" "$program"; done ;;
      build)
        while [ "$1" != -o ]; do shift; done
        echo "$3" >> ${join(this.directory, 'builds')}
        echo lib >&2
        until [ -e ${awaited} ] || [ ! -d ${this.directory} ]; do sleep 0.1; done
        echo "$3" >&2
        echo '#!/bin/sh' > "$2"; chmod +x "$2" ;;
      esac`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
