import { writeFileSync } from 'node:fs';
import { generatedFiles } from './generators/generated.ts';

// `npm run docs`, after a change of what docs/generators reads.
for (const [path, text] of generatedFiles()) writeFileSync(new URL(`../${path}`, import.meta.url), text);
