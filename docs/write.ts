import { mkdirSync, writeFileSync } from 'node:fs';
import { generatedFiles } from './generators/generated.ts';

// `npm run docs`, after a change of what docs/generators reads.
for (const [path, text] of generatedFiles()) {
  const file = new URL(`../${path}`, import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
}
