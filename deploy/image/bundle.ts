// Bundles kube-lego into the folder that the image is made of. The launcher runs it, with the folder, when what the sources make is not there
// (docs/decisions/020-bundle.md).
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { day } from '../../machines/time/durations.ts';
import { assets } from '../../src/inspector/page/assets.ts';
import { readImage } from './image.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Of packages in CommonJS, which ask for Node's own modules by it. */
const requireOfChunk =
  "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('The folder is needed');
const startedAt = performance.now();
await removeUnused(dirname(folder));
const draft = `${folder}.${process.pid}`;
try {
  await bundle(draft);
  // Another process may have been quicker with the same.
  await rename(draft, folder).catch((error: unknown) => stat(folder).catch(() => Promise.reject(error)));
} finally {
  await rm(draft, { recursive: true, force: true });
}
await compile(folder);
process.stderr.write(`Bundled the program in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);

async function bundle(into: string): Promise<void> {
  const app = join(into, 'app');
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    // As if it were made there, the source maps name the files by their paths in the repository.
    outdir: root,
    write: false,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What is loaded on demand stays so.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.19',
    banner: { js: requireOfChunk },
    // Not minified, so a stack trace has the names of functions. Node reads the maps only if it is told to, by --enable-source-maps.
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
  });
  await mkdir(app, { recursive: true });
  for (const { path, contents } of outputFiles) await writeFile(join(app, relative(root, path)), contents);
  const files = new Set(Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs)));
  const packages = new Set(
    [...files].flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []),
  );
  for (const path of packages) await copyNotices(join(root, path), join(app, path));
  for (const name of assets.keys()) {
    await cp(join(root, 'src/inspector/page', name), join(app, 'page', name));
  }
  await cp(join(root, 'LICENSE'), join(app, 'LICENSE'));
  await cp(join(root, 'package.json'), join(app, 'package.json'));
  await cp(join(root, 'bin/kube-lego'), join(into, 'bin/kube-lego'));
}

/** What stays of a package beside its code in the bundle: its licence, and by which name and version an SBOM lists it. */
async function copyNotices(from: string, to: string): Promise<void> {
  const files = await readdir(from);
  const notices = files.filter((name) => /^(?:(?:un)?licen[cs]e|notice|copying)/i.test(name));
  // Some have their licence in the README.
  const kept = notices.length > 0 ? notices : files.filter((name) => /^readme/i.test(name));
  await mkdir(to, { recursive: true });
  for (const name of ['package.json', ...kept]) await copyFile(join(from, name), join(to, name));
}

/**
 * As the Dockerfile does. Most controllers of tests are killed, and only a process that ends by itself leaves what V8 has compiled for
 * the next.
 */
async function compile(built: string): Promise<void> {
  const image = await readImage(built);
  for (const args of [['--version'], ['explain', '--help']]) {
    await promisify(execFile)(process.execPath, [...image.arguments, ...args], { env: image.environment });
  }
}

/** Those that no command has started for a day: one that runs may still start its own. */
async function removeUnused(cache: string): Promise<void> {
  for (const name of await readdir(cache).catch(() => [])) {
    const path = join(cache, name);
    const used = await stat(path).catch(() => undefined);
    if (used !== undefined && used.mtimeMs < Date.now() - day)
      await rm(path, { recursive: true, force: true });
  }
}
