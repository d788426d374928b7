import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { inOrder, longest } from '../file-order.mjs';

const root = join(import.meta.dirname, '../..');
const command = join(root, 'test/run.mjs');

describe('npm test', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-lego-tests-'));
    await mkdir(join(folder, 'room'));
    await mkdir(join(folder, 'empty'));
    await writeFile(join(folder, 'one.test.ts'), suite('one'));
    await writeFile(join(folder, 'room/two.test.ts'), suite('two'));
    await writeFile(join(folder, 'room/helper.ts'), 'throw new Error("This is no test.")');
  });
  after(() => rm(folder, { recursive: true }));

  test('of a folder runs the tests in it, however deep', async () => {
    assert.match((await npmTest([folder])).output, /^ℹ tests 4$/m);
  });

  test('of files and folders runs just these', async () => {
    const { code, output } = await npmTest([join(folder, 'room')]);
    assert.equal(code, 0);
    assert.match(output, /two is slow/);
    assert.doesNotMatch(output, /one is slow/);
    const both = [join(folder, 'one.test.ts'), join(folder, 'room/two.test.ts'), folder];
    assert.match((await npmTest(both)).output, /^ℹ tests 4$/m);
  });

  test('passes options on, wherever they stand', async () => {
    for (const options of [['--test-name-pattern=slow'], ['--test-name-pattern', 'slow']]) {
      const { output } = await npmTest([folder, ...options]);
      assert.match(output, /^ℹ tests 2$/m);
    }
  });

  test('ends with the slowest tests and files, and Node’s summary', async () => {
    const { output } = await npmTest([folder]);
    const [, tests = '', files = ''] =
      /\nThe slowest tests:\n([^]*)\nThe slowest files:\n([^]*)\nℹ tests 4\n[^]*\nℹ pass 4\nℹ fail 0\n/.exec(
        output,
      ) ?? [];
    const lines = tests.trimEnd().split('\n');
    for (const line of lines)
      assert.match(line, /^ +\d+\.\d s {2}\S*\.test\.ts: what (one|two) does > \1 is (slow|quick)$/);
    const durations = lines.map((line) => Number.parseFloat(line));
    assert.equal(durations.length, 4);
    assert.deepEqual(
      durations,
      durations.toSorted((a, b) => b - a),
    );
    assert.match(files, /^ +\d+\.\d s {2}\S*(one|two)\.test\.ts\n.*\n$/);
  });

  test('begins with the files that take longest', async () => {
    const other = join(root, 'test/acme/order/order.test.ts');
    const given = [other, ...longest.map((path) => join(root, path))];
    for (const file of given) await access(file);
    assert.deepEqual(inOrder(given), [relative('', other), ...given.slice(1)]);
    const files = ['one.test.ts', join(folder, 'room/two.test.ts')];
    const { output } = await runNode(['--test', '--test-concurrency=1', ...files], folder);
    assert.match(output, /two is slow[^]*one is slow/);
  });

  test('of a path that is wrong is an error', async () => {
    const wrong = [
      {
        path: join(folder, 'rom'),
        message: /^There is no .*rom: npm test -- test\/ledger, for example\.\n$/,
      },
      {
        path: join(folder, 'empty'),
        message: /^There are no tests in .*empty: no file ends with \.test\.ts\.\n$/,
      },
      {
        path: join(folder, 'room/helper.ts'),
        message: /helper\.ts is not a file of tests: .*\.test\.ts\.\n$/,
      },
    ];
    for (const { path, message } of wrong) {
      const { code, output, errors } = await npmTest([path]);
      assert.equal(code, 1);
      assert.equal(output, '');
      assert.match(errors, message);
    }
  });
});

function suite(name: string): string {
  return `import { describe, it } from 'node:test';
describe('what ${name} does', () => {
  it('${name} is slow', () => new Promise((resolve) => setTimeout(resolve, 100)));
  it('${name} is quick', () => undefined);
});
`;
}

interface Outcome {
  readonly code: unknown;
  readonly output: string;
  readonly errors: string;
}

async function npmTest(args: readonly string[]): Promise<Outcome> {
  return runNode([command, ...args]);
}

async function runNode(args: readonly string[], cwd?: string): Promise<Outcome> {
  // Node's own, by which it knows its test processes.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const run = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors, [code]] = await Promise.all([text(run.stdout), text(run.stderr), once(run, 'exit')]);
  return { code, output, errors };
}
