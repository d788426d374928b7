import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageFolder } from '../../../deploy/image/image.ts';

const deployFolder = fileURLToPath(new URL('../../../deploy/image', import.meta.url));

export interface Copy {
  /** path in the folder that the image is made of */
  readonly source: string;
  readonly target: string;
}

/** What the Dockerfile copies. */
export async function copies(): Promise<Copy[]> {
  const text = await readFile(join(deployFolder, 'Dockerfile'), 'utf8');
  return [...text.matchAll(/^COPY (?:--\S+ )*(\S+) (\S+)$/gm)].map(([, source = '', target = '']) => ({
    source,
    target,
  }));
}

/** What the builder of images gets to see. */
export async function contextFiles(): Promise<string[]> {
  const ignored = (await readFile(join(deployFolder, 'Dockerfile.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const files = await readdir(imageFolder(), { recursive: true });
  return files.filter((file) => !ignored.some((path) => file === path || file.startsWith(`${path}/`)));
}

/**
 * Makes the files of the image without a builder of images: what the Dockerfile copies.
 * @returns a temporary folder, which stands for the root of the image
 */
export async function makeImageFolder(): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-image-'));
  const app = join(folder, 'app');
  const seen = new Set(await contextFiles());
  for (const { source, target } of await copies()) {
    const into = target.startsWith('/') ? join(folder, target) : join(app, target);
    await mkdir(dirname(into), { recursive: true });
    const context = imageFolder();
    await cp(join(context, source), into, {
      recursive: true,
      filter: (path) => seen.has(path.slice(context.length + 1)),
    });
  }
  await moveApp(join(folder, 'usr/local/bin/kube-lego'), app);
  return folder;
}

/** The program names /app, where we may not write. */
async function moveApp(program: string, app: string): Promise<void> {
  const text = await readFile(program, 'utf8');
  await writeFile(program, text.replaceAll('/app/', `${app}/`));
  await chmod(program, 0o755);
}
