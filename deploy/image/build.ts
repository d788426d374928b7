import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { scriptOptions } from '../local/script-options.ts';
import { type Builder, buildCommand, builders } from './build-command.ts';
import { imageFolder } from './image.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const help = `npm run image [-- [NAME:TAG] [OPTIONS] [-- FLAGS]]

Builds the image with the first of ${builders.join(', ')} that is in PATH, which gets FLAGS, too.

  NAME:TAG      default: kube-lego:${manifest.version}
  --base IMAGE  in place of the base image of deploy/image/Dockerfile
  --dry-run     only print the command
  --help        this text`;

const { values, positionals } = scriptOptions('image', () =>
  parseArgs({
    options: {
      base: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  }),
);
const { version } = manifest;
const [tag = `kube-lego:${version}`, ...flags] = positionals;
const builder = builders.find(isInstalled);

if (values.help) process.stdout.write(`${help}\n`);
else if (builder === undefined) {
  process.stderr.write(
    `An image is built by ${builders.join(', ')}, and none of them is in PATH. Install one of them.\n`,
  );
  process.exitCode = 1;
} else {
  const context = relative(root, imageFolder());
  const command = buildCommand({
    builder,
    context,
    tag,
    version,
    commit: lastCommit(),
    base: values.base,
    flags,
  });
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
