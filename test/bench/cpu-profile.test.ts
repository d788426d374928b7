import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { programFile } from '../../deploy/image/image.ts';
import { sharesIn } from './cpu-profile.ts';

describe('how a profile of the controller divides', () => {
  it('is told by rooms and packages, although they are bundled', async () => {
    const app = dirname(programFile());
    const [chunk = ''] = globSync('start-*.mjs', { cwd: app });
    const lines = (await readFile(join(app, chunk), 'utf8')).split('\n');
    const url = pathToFileURL(join(app, chunk)).href;
    /** The first function in this file. */
    const frameIn = (file: string) => {
      const start = lines.findIndex((line) => line.startsWith(`// ${file}`));
      const lineNumber = lines.findIndex((line, index) => index > start && /^(async )?function /.test(line));
      return {
        functionName: 'any',
        url,
        lineNumber,
        columnNumber: lines[lineNumber]?.indexOf('function') ?? 0,
      };
    };
    const frames = [frameIn('src/controller.ts'), frameIn('src/metrics/'), frameIn('node_modules/xstate/')];
    const folder = await mkdtemp(join(tmpdir(), 'kube-lego-profile-'));
    try {
      const profile = {
        nodes: frames.map((callFrame, id) => ({ id, callFrame })),
        samples: [0, 1, 2],
        timeDeltas: [1000, 2000, 3000],
      };
      await writeFile(join(folder, 'a.cpuprofile'), JSON.stringify(profile));
      assert.deepEqual(await sharesIn(folder), [
        { part: 'xstate', self: 3 },
        { part: 'src/metrics', self: 2 },
        { part: 'src', self: 1 },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
