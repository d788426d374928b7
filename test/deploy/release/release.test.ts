import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadYaml } from '@kubernetes/client-node';
import { prepareRelease, ReleaseError } from '../../../deploy/release/prepare-release.ts';
import { nextVersion, readVersions } from '../../../deploy/release/version-places.ts';
import manifest from '../../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('the version', () => {
  it('is the same in every file that names it', () => {
    for (const { file, version } of readVersions(root)) assert.equal(version, manifest.version, file);
  });

  it('follows on the last one', () => {
    assert.equal(nextVersion('1.0.0-alpha.9'), '1.0.0-alpha.10');
    assert.equal(nextVersion('1.2.3'), '1.2.4');
    assert.equal(nextVersion('1.0.0-beta'), '1.0.0-beta.1');
    assert.equal(nextVersion('1.0.0-rc1'), '1.0.0-rc1.1');
  });
});

describe('a release', () => {
  let copy: string;

  before(() => {
    copy = mkdtempSync(join(realpathSync(tmpdir()), 'kube-lego-release-'));
    for (const file of new Set(['CHANGELOG.md', ...readVersions(root).map(({ file: name }) => name)])) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      cpSync(join(root, file), join(copy, file));
    }
    git('init', '--quiet');
    commit('Begin', []);
    commit('Renew earlier', ['src/a.ts', 'test/a.test.ts']);
    commit('Open the port', ['deploy/base/b.yaml']);
    commit('Try more', ['test/c.test.ts']);
  });
  after(() => rmSync(copy, { recursive: true }));

  function git(...args: string[]): void {
    const identity = [
      '-c',
      'user.name=test',
      '-c',
      'user.email=test@example.com',
      '-c',
      'commit.gpgsign=false',
    ];
    execFileSync('git', [...identity, ...args], { cwd: copy });
  }

  function commit(subject: string, files: readonly string[]): void {
    for (const file of files) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      writeFileSync(join(copy, file), subject);
    }
    git('add', '.');
    git('commit', '--quiet', `--message=${subject}`);
  }

  it('says what has changed for those who run it', () => {
    const { section } = prepareRelease(copy, '1.0.0');
    assert.match(section, /^## 1\.0\.0 \(\d{4}-\d\d-\d\d\)\n/);
    assert.match(
      section,
      /### Controller and commands\n\n- Renew earlier\n\n### Installation\n\n- Open the port\n$/,
    );
    assert.doesNotMatch(section, /Begin|Try more/);
  });

  it('gives image, chart and package one version', () => {
    const { files } = prepareRelease(copy, '1.0.0');
    const chart: unknown = loadYaml(files.get('deploy/chart/Chart.yaml') ?? '');
    assert.partialDeepStrictEqual(chart, {
      version: '1.0.0',
      appVersion: '1.0.0',
      annotations: { 'artifacthub.io/prerelease': 'false' },
    });
    assert.match(files.get('deploy/base/deployment.yaml') ?? '', /image: kube-lego:1\.0\.0\n/);
    const lockfile: unknown = JSON.parse(files.get('package-lock.json') ?? '');
    assert.partialDeepStrictEqual(lockfile, { version: '1.0.0', packages: { '': { version: '1.0.0' } } });
    assert.match(files.get('CHANGELOG.md') ?? '', /^# Changelog\n[^]*^## 1\.0\.0 [^]*^## /m);
  });

  it('is not made twice, nor with files that disagree, nor of what is not committed', () => {
    git('tag', 'v2.0.0');
    assert.throws(() => prepareRelease(copy, '2.0.0'), /There is a tag v2\.0\.0 already/);
    assert.throws(() => prepareRelease(copy, 'two'), ReleaseError);
    const file = join(copy, 'deploy/chart/Chart.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/^version: .*$/m, 'version: 9.9.9'));
    assert.throws(() => prepareRelease(copy), /Chart\.yaml names the version 9\.9\.9/);
    writeFileSync(file, `${text}\n`);
    assert.throws(() => prepareRelease(copy), /Commit or remove first/);
  });
});
