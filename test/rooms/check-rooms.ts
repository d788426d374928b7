import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findMisplaced, readRooms } from './rooms.ts';

const root = new URL('../../', import.meta.url);
const files = globSync(['machines/**/*.ts', 'src/**/*.ts'], { cwd: fileURLToPath(root) });
const sources = new Map(files.map((file) => [file, readFileSync(new URL(file, root), 'utf8')]));
const found = findMisplaced(readRooms(), sources);
for (const sentence of found) process.stdout.write(`${sentence}\n`);
if (found.length > 0) process.exitCode = 1;
