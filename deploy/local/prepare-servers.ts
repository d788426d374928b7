import { LocalError } from './local-error.ts';
import { ensureServers } from './servers.ts';

// The launcher's first step under the newer Node when it is called with --servers.
try {
  await ensureServers(process.stderr);
} catch (error) {
  if (!(error instanceof LocalError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
