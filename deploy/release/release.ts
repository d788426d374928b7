// npm run release [-- VERSION] [--dry-run]: writes the version and the changelog. The tag that is pushed afterwards has
// .github/workflows/release.yaml build, sign and publish image and chart.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prepareRelease, ReleaseError } from './prepare-release.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
  options: { 'dry-run': { type: 'boolean', default: false } },
  allowPositionals: true,
});

try {
  const { version, section, files } = prepareRelease(root, positionals[0]);
  const isDryRun = values['dry-run'];
  if (!isDryRun) for (const [file, text] of files) writeFileSync(join(root, file), text);
  process.stdout.write(`${section}
Git tag v${version}; image kube-lego:${version}; chart kube-lego-${version}.tgz
${isDryRun ? 'Would change' : 'Changed'} ${[...files.keys()].join(', ')}

Then: git commit --all --message='Release ${version}' && git tag v${version} && git push origin HEAD v${version}
`);
} catch (error) {
  if (!(error instanceof ReleaseError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
