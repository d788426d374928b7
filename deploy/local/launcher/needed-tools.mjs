import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isToolName } from '../tools/tools.mjs';

/** Whatever a file may mean by one beside it: what it imports, what it starts. */
const fileNames = /['"`](\.{0,2}[\w./-]*\.m?ts|\.{1,2}\/[\w./-]+\.mjs)['"`]/g;
const toolPaths = /\btoolPath\('([\w-]+)'\)/g;
const typeImports = /^(?:import|export) type [^;]*;/gm;

/** Starts kube-lego as the image does. */
const image = fileURLToPath(new URL('../../image/image.ts', import.meta.url));

/**
 * Which tools these programs may ask for: those that are named in a call of `toolPath` (deploy/local/tools/tool-path.ts), in
 * the files themselves or in those that they import or start; and whether they may start kube-lego as it is bundled for the image. So it is
 * the code that says what a command needs, and a test that needs no server waits for none.
 * @param files absolute paths
 */
export function needs(files) {
  const seen = new Set(files);
  const tools = new Set();
  for (const file of seen) {
    const code = readFileSync(file, 'utf8').replaceAll(typeImports, '');
    for (const [, name] of code.matchAll(toolPaths)) if (isToolName(name)) tools.add(name);
    for (const [, name] of code.matchAll(fileNames)) {
      const other = join(dirname(file), name);
      if (existsSync(other)) seen.add(other);
    }
  }
  return { tools: [...tools], program: seen.has(image) };
}
