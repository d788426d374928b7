// Where kube-lego is kept once it is bundled. Called by the launcher and deploy/image/image.ts.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** All that decides what is in it; esbuild reads tsconfig.json, too. */
const sources = [
  'LICENSE',
  'bin/kube-lego',
  'deploy/image',
  'machines',
  'package-lock.json',
  'package.json',
  'src',
  'tsconfig.json',
];

/** The folder of the program that the sources make as they are now; it need not exist. */
export function bundledProgram(root) {
  const hash = createHash('sha256');
  for (const file of sources.flatMap((source) => filesOf(root, source))) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return join(root, 'node_modules/.cache/kube-lego-program', hash.digest('hex').slice(0, 16));
}

function filesOf(root, source) {
  if (statSync(join(root, source)).isFile()) return [source];
  return readdirSync(join(root, source), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
}
