import { LocalError } from './local-error.ts';
import { findServers, goProblem, type ServerName } from './server-binaries.mjs';
import { buildServers } from './server-build.ts';

/** Absolute path of each server's program. */
export type Servers = Readonly<Record<ServerName, string>>;

/**
 * Finds the servers: each in $KUBEBUILDER_ASSETS first, then in the cache. Never builds, because several test files
 * ask at the same time.
 * @throws LocalError ServersMissing
 */
export function locateServers(environment: NodeJS.ProcessEnv = process.env): Servers {
  const { found, missing } = findServers(environment);
  if (isComplete(found)) return found;
  throw new LocalError(
    'ServersMissing',
    `The servers ${missing.join(', ')} are neither in KUBEBUILDER_ASSETS nor in the cache. Start through npm (npm test, ` +
      'npm run demo), or run `node deploy/local/launch.mjs --servers FILE`: that builds them.',
  );
}

/**
 * As `locateServers`, but builds with Go what is missing and reports the progress on `output`.
 * @throws LocalError GoMissing (before anything is waited for), BuildFailed
 */
export async function ensureServers(
  output: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Servers> {
  const { missing } = findServers(environment);
  if (missing.length > 0) {
    const problem = goProblem(environment, missing);
    if (problem !== undefined) throw new LocalError('GoMissing', problem);
    await buildServers(missing, output, environment);
  }
  return locateServers(environment);
}

function isComplete(found: Partial<Record<ServerName, string>>): found is Record<ServerName, string> {
  return (
    found.etcd !== undefined &&
    found['kube-apiserver'] !== undefined &&
    found.pebble !== undefined &&
    found['pebble-challtestsrv'] !== undefined
  );
}
