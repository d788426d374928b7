import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const plugin = 'test/machines/no-clock.ts';

/** What would make a machine depend on more than its input, and the rule that says so. */
const impure: Readonly<Record<string, string>> = {
  'export const now = Date.now();': 'no-restricted-properties',
  'export const now = new Date();': 'no-clock',
  'export const now = Date();': 'no-clock',
  'export const now = performance.now();': 'no-restricted-globals',
  'export const now = globalThis.Date.now();': 'no-restricted-globals',
  'export const id = Math.random();': 'no-restricted-properties',
  "setTimeout(() => 'later', 1);": 'no-restricted-globals',
  "export { request } from 'undici';": 'no-restricted-imports',
  "export { CoreV1Api } from '@kubernetes/client-node';": 'no-restricted-imports',
  "export { readFile } from 'node:fs/promises';": 'no-restricted-imports',
  "export { systemClock } from '../../src/time/clock.ts';": 'no-restricted-imports',
};
const pure = [
  'export const text = (milliseconds: number) => new Date(milliseconds).toISOString();',
  "export { setup } from 'xstate';",
  "export { getDomain } from 'tldts';",
  "export { spread } from './spread.ts';",
  "export { spread } from '../time/spread.ts';",
];

let folder: string;
/** What oxlint says of each file, in lines. */
let said: ReadonlyMap<string, string>;

describe('the rules for machines/', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-lego-lint-'));
    await mkdir(join(folder, 'machines', 'room'), { recursive: true });
    await cp(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    await cp(join(root, plugin), join(folder, plugin), { recursive: true });
    const lines = [...Object.keys(impure), ...pure];
    await Promise.all(lines.map((line) => writeFile(join(folder, fileOf(line)), `${line}\n`)));
    said = await lint();
  });
  after(() => rm(folder, { recursive: true }));

  for (const [line, rule] of Object.entries(impure)) {
    it(`refuse ${line}`, () => {
      assert.match(said.get(fileOf(line)) ?? '', new RegExp(String.raw`\[Error/.*\(${rule}\)\]`));
    });
  }

  it('let through what is pure', () => {
    for (const line of pure) assert.equal(said.get(fileOf(line)), undefined, line);
  });
});

/** One for each line. */
function fileOf(line: string): string {
  return `machines/room/line-${[...Object.keys(impure), ...pure].indexOf(line)}.ts`;
}

/** One run for all files: most of it is the start. */
async function lint(): Promise<Map<string, string>> {
  const oxlint = spawn(process.execPath, [await oxlintProgram(), '--format=unix', 'machines'], {
    cwd: folder,
  });
  const [output] = await Promise.all([text(oxlint.stdout), once(oxlint, 'close')]);
  const about = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [, file] = /^(machines\/room\/line-\d+\.ts):/.exec(line) ?? [];
    if (file !== undefined) about.set(file, `${about.get(file) ?? ''}${line}\n`);
  }
  return about;
}

async function oxlintProgram(): Promise<string> {
  const folderOfOxlint = join(root, 'node_modules', 'oxlint');
  const { bin }: { bin: Record<string, string> } = JSON.parse(
    await readFile(join(folderOfOxlint, 'package.json'), 'utf8'),
  );
  return join(folderOfOxlint, bin['oxlint'] ?? '');
}
