// Node strips the types of TypeScript by itself, but not in node_modules, where npm has put us.
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';

const here = new URL('../', import.meta.url).href;

/** From now on, TypeScript files of this package are loaded from anywhere. */
export function stripTypes() {
  registerHooks({ load });
}

function load(url, context, next) {
  const isOurs = url.startsWith(here) && !url.startsWith(`${here}node_modules/`);
  if (!isOurs || !url.endsWith('.ts')) return next(url, context);
  const source = stripTypeScriptTypes(readFileSync(new URL(url), 'utf8'));
  return { format: 'module', shortCircuit: true, source };
}
