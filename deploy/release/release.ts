import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scriptOptions } from '../local/script-options.ts';
import { prepareRelease, ReleaseError } from './prepare-release.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const help = `npm run release [-- [VERSION] [OPTIONS]]

Writes the version and the changelog. The tag that is pushed afterwards has .github/workflows/release.yaml build, sign and
publish image and chart.

  VERSION    default: the one that follows on the present one
  --dry-run  change nothing, only print what would be released
  --help     this text`;

const { values, positionals } = scriptOptions('release', () => {
  const given = parseArgs({
    options: { 'dry-run': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (given.positionals.length > 1)
    throw new Error(`${given.positionals.join(' ')}: one version is released.`);
  return given;
});

if (values.help) process.stdout.write(`${help}\n`);
else release(positionals[0], values['dry-run']);

function release(wanted: string | undefined, isDryRun: boolean): void {
  try {
    const { version, section, files } = prepareRelease(root, wanted);
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
}
