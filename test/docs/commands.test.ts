import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };
import { isCommand, readRequest } from '../../src/commands/command-line.ts';

const root = join(import.meta.dirname, '../..');
const pages = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules'] });

/** What stands for something in a command line that a page shows. */
const placeholders: readonly (readonly [RegExp, string])[] = [
  [/\[KIND\] /g, ''],
  [/[A-Z]+\/[A-Z]+/g, 'shop/web'],
  [/\bREASON\b/g, 'superseded'],
  [/ +#.*$/g, ''],
];

/** The lines of code of a page: its blocks of shell and its spans. */
function linesOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^ *```sh\n(.*?)^ *```/gms)].flatMap(([, block = '']) =>
    block.split('\n'),
  );
  const prose = text.replaceAll(/^ *```.*?^ *```/gms, '');
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll(/\s+/g, ' '));
  return [...blocks, ...spans].map((line) => line.trim());
}

/** The words after `kube-lego`, however it is called; undefined if it is not, or without arguments. */
function argumentsIn(line: string): string[] | undefined {
  const [, words] =
    /^(?:kubectl exec .* -- kube-lego|kubectl lego|npm run -s kube-lego --|kube-lego) (.*)$/.exec(line) ?? [];
  const plain = placeholders.reduce((text, [from, to]) => text.replaceAll(from, to), words ?? '').trim();
  const found = plain.split(/ +/);
  return isCommand(found[0]) && found.length > 1 ? found : undefined;
}

describe('the commands that the docs show', () => {
  const shown = pages.flatMap((page) => linesOf(page).map((line) => ({ page, line })));

  it('are understood by kube-lego', () => {
    const found = shown.flatMap(({ page, line }) => {
      const [command, ...argv] = argumentsIn(line) ?? [];
      return isCommand(command) ? [{ page, line, request: readRequest(command, argv) }] : [];
    });
    assert.ok(found.length > 10, 'they are not found');
    for (const { page, line, request } of found) {
      assert.notEqual(request.kind, 'errors', `${page}: ${line}: ${JSON.stringify(request)}`);
    }
  });

  it('are scripts of package.json where they are run by npm', () => {
    const scripts = shown.flatMap(({ page, line }) => {
      const [, script] = /^npm run (?:-s )?([a-z:-]+)/.exec(line) ?? [];
      return script === undefined ? [] : [{ page, script }];
    });
    assert.ok(scripts.length > 10, 'they are not found');
    for (const { page, script } of scripts) {
      assert.ok(Object.hasOwn(manifest.scripts, script), `${page}: npm run ${script}`);
    }
  });
});
