#!/usr/bin/env node
// npm test [-- [OPTIONS OF node --test] [FOLDER | FILE]...]: all tests, or those of the named folders and files.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { LaunchError } from '../deploy/local/launcher/errors.mjs';
import { launch, root } from '../deploy/local/launcher/launch.mjs';
import { inOrder } from './file-order.mjs';

const usual = [
  '--test',
  // More than two cores' worth: most files wait for servers most of their time, and one for minutes. With more of them what waits in real
  // time is late.
  '--test-concurrency=6',
  '--test-timeout=300000',
  `--test-global-setup=${join(root, 'test/clusters/global-setup.ts')}`,
];
const reporter = `--test-reporter=${join(root, 'test/reporter.ts')}`;
/** Options of Node that may be given without `=`: what follows is their value. */
const optionsWithValue = new Set([
  '--test-concurrency',
  '--test-name-pattern',
  '--test-shard',
  '--test-skip-pattern',
  '--test-timeout',
]);

await launch(() => {
  const { options, paths } = sort(process.argv.slice(2));
  const programs = [...new Set((paths.length === 0 ? [join(root, 'test')] : paths).flatMap(testFiles))];
  const reporters = options.some((option) => option.startsWith('--test-reporter')) ? [] : [reporter];
  return { nodeArguments: [...usual, ...reporters, ...options, ...inOrder(programs)], programs };
});

/** Node takes options before paths only. */
function sort(given) {
  const options = [];
  const paths = [];
  for (let index = 0; index < given.length; index += 1) {
    const argument = given[index];
    if (!argument.startsWith('-')) paths.push(argument);
    else if (optionsWithValue.has(argument) && index + 1 < given.length) {
      index += 1;
      options.push(`${argument}=${given[index]}`);
    } else options.push(argument);
  }
  return { options, paths };
}

function testFiles(path) {
  if (!existsSync(path)) throw new LaunchError(`There is no ${path}: npm test -- test/ledger, for example.`);
  if (statSync(path).isFile()) {
    if (path.endsWith('.test.ts')) return [resolve(path)];
    throw new LaunchError(`${path} is not a file of tests: their names end with .test.ts.`);
  }
  const files = readdirSync(path, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => resolve(path, name));
  if (files.length === 0) throw new LaunchError(`There are no tests in ${path}: no file ends with .test.ts.`);
  return files.toSorted();
}
