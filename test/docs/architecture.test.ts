import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commands } from '../../src/commands/command-help.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
const [drawing = ''] = /^```mermaid.*?^```/ms.exec(page) ?? [];

const boxes = drawing.match(/\[".*?"\]/g) ?? [];

/** Those of the names that no box has; all of machines/ is one box. */
function missing(names: readonly string[], ofMachines: boolean): string[] {
  const searched = boxes.filter((box) => box.includes('<b>machines</b>') === ofMachines);
  const words = new Set(searched.flatMap((box) => box.match(/[a-z]+/g) ?? []));
  return names.filter((name) => !words.has(name));
}

function roomsOf(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

describe('the drawing of the rooms', () => {
  for (const folder of ['src', 'machines']) {
    it(`has every room of ${folder}/`, () => {
      assert.deepEqual(missing(roomsOf(folder), folder === 'machines'), []);
    });
  }

  it('has every command', () => {
    assert.deepEqual(missing(commands, false), []);
  });
});
