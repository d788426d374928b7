import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { LocalError } from '../local-error.ts';
import { moduleFolder } from './tools.mjs';

export interface GoCommand {
  /** folder of the go.mod, beside this file */
  readonly module: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** is told the path of each package when its compilation begins, with `-v` */
  readonly onPackage?: (path: string) => void;
  /** is told of each module that is downloaded */
  readonly onDownload?: () => void;
}

const keptComplaints = 20;

/**
 * Runs Go in the folder of a module, in our process group: a signal to the group reaches its compilers, too.
 * @returns its standard output
 * @throws LocalError BuildFailed, with what Go said and the remedy
 */
export async function runGo(command: GoCommand): Promise<string> {
  const { module, args, environment, onPackage, onDownload } = command;
  const child = spawn('go', args, {
    cwd: moduleFolder(module),
    env: buildEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('go: downloading ')) onDownload?.();
    // `-v` names packages: paths without blanks.
    else if (/^[\w./~-]+$/.test(line)) onPackage?.(line);
    else complaints.push(line);
  });
  const [output, failure] = await Promise.all([
    text(child.stdout),
    once(child, 'close').then(
      ([code, signal]) => (code === 0 ? undefined : `go ended with ${code ?? signal}`),
      (error: unknown) => String(error),
    ),
  ]);
  if (failure === undefined) return output;
  const said = complaints.slice(-keptComplaints).join('\n');
  throw new LocalError('BuildFailed', `${failure}.\n${said}\n${remedy(said, environment)}`);
}

/** The user's Go settings for network and caches stay; those that would change what is built go. */
function buildEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...environment,
    CGO_ENABLED: '0',
    GOARCH: undefined,
    GOFLAGS: undefined,
    GOOS: undefined,
    GOWORK: 'off',
  };
}

function remedy(said: string, { GOCACHE, TMPDIR }: NodeJS.ProcessEnv): string {
  if (/no space left on device|disk quota exceeded/i.test(said)) {
    return (
      `The disk is full: a first build takes about 3 GB, in Go's caches (${GOCACHE ?? '`go env GOCACHE GOMODCACHE`'}) and in ` +
      `${TMPDIR ?? '/tmp'}. Free some, or name other folders (GOCACHE, GOMODCACHE, GOTMPDIR); what is built stays.`
    );
  }
  if (
    /dial tcp|lookup |i\/o timeout|connection (refused|reset)|proxyconnect|TLS handshake|x509:|: (5\d\d|403) /i.test(
      said,
    )
  ) {
    return 'Go downloads modules the first time: check the network and `go env GOPROXY`, then run the same command again; what is built stays.';
  }
  return 'Run the same command again once that is mended; what is built stays.';
}
