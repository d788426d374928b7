// What .github/workflows/release.yaml does for krew: --home URL --into FOLDER. Writes the archive of the plugin, with what it needs of
// node_modules, and the manifest that names it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { krewManifest, pluginArchive } from './krew-manifest.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { home, into } = parseArgs({
  options: { home: { type: 'string' }, into: { type: 'string' } },
}).values;
if (home === undefined || into === undefined) throw new Error('--home and --into are both needed');

const { files, version } = manifest;
const folder = mkdtempSync(join(tmpdir(), 'kube-lego-plugin-'));
try {
  const parts = [...files, 'package.json', 'package-lock.json', 'LICENSE'];
  for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true });
  // The optional one is Node itself, of one platform.
  const install = ['ci', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', install, { cwd: folder, stdio: 'inherit' });
  mkdirSync(into, { recursive: true });
  const archive = join(into, pluginArchive);
  const same = [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@0',
    '--use-compress-program=gzip -n',
  ];
  execFileSync('tar', [...same, '--create', '--file', archive, '--directory', folder, '.']);
  const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
  writeFileSync(join(into, 'lego.yaml'), krewManifest({ home, version, sha256 }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
