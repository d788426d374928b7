// npm run image [-- [NAME:TAG] [--base IMAGE] [--dry-run] [-- FLAGS]]: builds the image with the first of docker, buildah and podman
// that there is; it gets the further flags, too.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { type Builder, buildCommand, builders } from './build-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
  options: { base: { type: 'string' }, 'dry-run': { type: 'boolean', default: false } },
  allowPositionals: true,
});
const { version } = manifest;
const [tag = `kube-lego:${version}`, ...flags] = positionals;
const builder = builders.find(isInstalled);

if (builder === undefined) {
  process.stderr.write(
    `An image is built by ${builders.join(', ')}, and none of them is in PATH. Install one of them.\n`,
  );
  process.exitCode = 1;
} else {
  const command = buildCommand({ builder, tag, version, commit: lastCommit(), base: values.base, flags });
  process.stdout.write(`${command.join(' ')}\n`);
  const [program = '', ...args] = command;
  if (!values['dry-run'])
    process.exitCode = spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

function isInstalled(name: Builder): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function lastCommit(): { readonly revision: string; readonly time: number } {
  const said = execFileSync('git', ['log', '-1', '--format=%H %ct'], { cwd: root, encoding: 'utf8' });
  const [revision = '', time = ''] = said.trim().split(' ');
  return { revision, time: Number(time) };
}
