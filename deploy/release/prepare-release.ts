import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { changelogSection, commitFormat, readCommits, withSection } from './changelog.ts';
import { isVersion, nextVersion, readVersions, writeVersion } from './version-places.ts';

const changelog = 'CHANGELOG.md';

/** What is said to whoever releases, without a stack. */
export class ReleaseError extends Error {}

export interface PreparedRelease {
  readonly version: string;
  /** of CHANGELOG.md */
  readonly section: string;
  /** the changed texts, by file */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * What a release would change. Changes nothing itself.
 * @param root of the repository
 * @param wanted the version; undefined: the one that follows
 * @throws ReleaseError
 */
export function prepareRelease(root: string, wanted?: string): PreparedRelease {
  const [current, ...others] = readVersions(root);
  const odd = others.find(({ version }) => version !== current?.version);
  if (current === undefined || odd !== undefined) {
    throw new ReleaseError(
      `${odd?.file} names the version ${odd?.version || 'nowhere'}, package.json ${current?.version}. Make them agree.`,
    );
  }
  const version = wanted ?? nextVersion(current.version);
  if (!isVersion(version))
    throw new ReleaseError(`${version} is no semantic version such as 1.0.0 or 1.0.0-beta.1.`);
  if (git(root, 'tag', '--list', `v${version}`) !== '') {
    throw new ReleaseError(`There is a tag v${version} already. Choose another version.`);
  }
  const changed = git(root, 'status', '--porcelain');
  if (changed !== '') throw new ReleaseError(`Commit or remove first what \`git status\` shows:\n${changed}`);
  const log = git(
    root,
    'log',
    '--reverse',
    '--no-merges',
    '--name-only',
    commitFormat,
    `${lastRelease(root)}..HEAD`,
  );
  const date = git(root, 'log', '-1', '--format=%cs');
  const section = changelogSection(version, date, readCommits(log));
  const files = writeVersion(root, version);
  const chart = files.get('deploy/chart/Chart.yaml') ?? '';
  files.set(
    'deploy/chart/Chart.yaml',
    chart.replace(/(artifacthub\.io\/prerelease: )'\w+'/, `$1'${version.includes('-')}'`),
  );
  files.set(changelog, withSection(readFileSync(join(root, changelog), 'utf8'), section));
  return { version, section, files };
}

/** The tag of the last release; before the first one the commit that began the changelog. */
function lastRelease(root: string): string {
  const [tag = ''] = git(root, 'tag', '--list', 'v*', '--merged', 'HEAD', '--sort=-creatordate').split('\n');
  if (tag !== '') return tag;
  const commit = git(root, 'log', '-1', '--format=%H', '--', changelog);
  if (commit === '') throw new ReleaseError(`There is neither a tag v… nor a commit of ${changelog}.`);
  return commit;
}

function git(root: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }).trim();
}
