import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const files = {
  demo: 'deploy/local/demo.ts',
  image: 'deploy/image/build.ts',
  release: 'deploy/release/release.ts',
  bench: 'test/bench/bench.ts',
};

function run(script: keyof typeof files, ...args: readonly string[]) {
  return promisify(execFile)(process.execPath, [files[script], ...args], { cwd: root });
}

describe('an npm script with options', () => {
  for (const [script, args, told] of [
    ['demo', ['--onec'], /^Unknown option '--onec'/],
    ['demo', ['--profile', 'nginx'], /^--profile=nginx: must be one of local, haproxy-ingress, /],
    ['demo', ['--delay', '2s'], /^--delay=2s: must be a number of milliseconds/],
    ['image', ['--platform=linux/arm64'], /^Unknown option '--platform'/],
    ['release', ['--dryrun'], /^Unknown option '--dryrun'/],
    ['release', ['1.0.0', '1.0.1'], /^1\.0\.0 1\.0\.1: one version is released\./],
    ['bench', ['once'], /^There is no part once; there are: one, burst, /],
  ] as const) {
    it(`says what is wrong, and nothing else: npm run ${script} -- ${args.join(' ')}`, async () => {
      const help = `\nSee npm run ${script} -- --help.\n`;
      const isBrief = ({ code, stderr }: { code: number; stderr: string }): boolean => {
        assert.match(stderr, told);
        assert.ok(stderr.endsWith(help));
        assert.doesNotMatch(stderr, /^ +at /m);
        return code === 2;
      };
      await assert.rejects(run(script, ...args), isBrief);
    });
  }

  for (const script of ['demo', 'image', 'release', 'bench'] as const) {
    it(`has a help: npm run ${script} -- --help`, async () => {
      const { stdout } = await run(script, '--help');
      assert.ok(stdout.startsWith(`npm run ${script} [-- `));
    });
  }
});

describe('npm run screenshots', () => {
  it('prints no summary of tests: what it shares with them makes it no run of tests', async () => {
    const program = "await import('./test/page/showcase.ts')";
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program],
      {
        cwd: root,
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      },
    );
    assert.equal(stdout, '');
  });
});
