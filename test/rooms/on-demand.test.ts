import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What Node loads with this file: imports of types only are stripped. */
function loadedWith(file: URL, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file.href)) return loaded;
  loaded.add(file.href);
  const text = readFileSync(file, 'utf8');
  for (const [, path] of text.matchAll(/^(?:import|export) (?!type )(?:[^;]*? from )?'([^']+)'/gm)) {
    if (path?.startsWith('.') === true && path.endsWith('.ts')) loadedWith(new URL(path, file), loaded);
    else if (path !== undefined && !path.startsWith('.')) loaded.add(path);
  }
  return loaded;
}

it('the controller without DNS zones loads nothing of DNS-01', () => {
  const controller = loadedWith(new URL('../../src/controller.ts', import.meta.url));
  const folder = fileURLToPath(new URL('../../src/challenges/dns-01/', import.meta.url));
  const ofDns = [...controller].filter((path) => path.includes(folder) || path === 'dns-packet');
  assert.deepEqual(ofDns, []);
  const solver = loadedWith(new URL('../../src/challenges/dns-01/create-dns-01.ts', import.meta.url));
  assert.ok(solver.has('dns-packet'));
  assert.ok(controller.has('xstate') && controller.size > 100);
});

it('the controller loads acme-client, and axios with it, with the first signed request only', () => {
  const ofAcme = (file: string): string[] =>
    [...loadedWith(new URL(`../../src/${file}`, import.meta.url))].filter((path) =>
      path.startsWith('acme-client'),
    );
  assert.deepEqual(ofAcme('controller.ts'), []);
  assert.notDeepEqual(ofAcme('acme/protocol/signed-exchange.ts'), []);
});

it('the controller does not load what Node has for fetch', async () => {
  const program = `
    await import(${JSON.stringify(new URL('../../src/start.ts', import.meta.url))});
    console.log(process.moduleLoadList.join(' '));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  assert.match(stdout, /NativeModule http\b/);
  assert.doesNotMatch(stdout, /deps\/undici/);
});
