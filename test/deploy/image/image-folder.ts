import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const imageFolder = join(root, 'deploy/image');

export interface Copy {
  /** paths in the repository */
  readonly sources: readonly string[];
  readonly target: string;
}

/** The instructions of the Dockerfile, a line each. */
async function instructions(): Promise<string[]> {
  const text = await readFile(join(imageFolder, 'Dockerfile'), 'utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** What the Dockerfile copies. */
export async function copies(): Promise<Copy[]> {
  return (await instructions())
    .filter((line) => line.startsWith('COPY '))
    .map((line) => {
      const paths = line.split(' ').filter((part) => part !== 'COPY' && !part.startsWith('--'));
      return { sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
    });
}

/** What the ignore file lets into the context of the build. */
export async function contextEntries(): Promise<string[]> {
  const text = await readFile(join(imageFolder, 'Dockerfile.dockerignore'), 'utf8');
  return text.split('\n').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
}

/**
 * Makes the files of the image without a builder of images: what the Dockerfile copies, and what its first RUN installs.
 * @returns a temporary folder, which stands for the root of the image
 */
export async function makeImageFolder(): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-image-'));
  const app = join(folder, 'app');
  for (const { sources, target } of await copies()) {
    for (const source of sources) {
      const into = target.startsWith('/')
        ? join(folder, target)
        : join(app, target, ...(sources.length > 1 || target === './' ? [source] : []));
      await mkdir(dirname(into), { recursive: true });
      await cp(join(root, source), into, { recursive: true });
    }
  }
  await install(app);
  await moveApp(join(folder, 'usr/local/bin/kube-lego'), app);
  return folder;
}

async function install(app: string): Promise<void> {
  const run = (await instructions()).find((line) => line.startsWith('RUN npm ci'));
  const [, args = ''] = /^RUN npm (ci [^&]*)&&/.exec(run ?? '') ?? [];
  await promisify(execFile)('npm', [...args.trim().split(' '), '--prefer-offline'], { cwd: app });
}

/** The program names /app, where we may not write. */
async function moveApp(program: string, app: string): Promise<void> {
  const text = await readFile(program, 'utf8');
  await writeFile(program, text.replaceAll('/app/', `${app}/`));
  await chmod(program, 0o755);
}
