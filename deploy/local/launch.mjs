#!/usr/bin/env node
// Runs a TypeScript file of this repository: see launcher/launch.mjs.
//
//   node deploy/local/launch.mjs [--patient] [NODE OPTIONS] FILE [ARGUMENTS]
//
// --patient: on a signal the program has all the time that it wants; without, it is killed within five seconds.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { LaunchError } from './launcher/errors.mjs';
import { launch } from './launcher/launch.mjs';

await launch(() => {
  const nodeArguments = process.argv.slice(2);
  const patient = nodeArguments[0] === '--patient';
  if (patient) nodeArguments.shift();
  if (nodeArguments.length === 0) {
    throw new LaunchError('Usage: node deploy/local/launch.mjs [--patient] [NODE OPTIONS] FILE [ARGUMENTS]');
  }
  const program = nodeArguments.find((argument) => !argument.startsWith('-'));
  const programs = program !== undefined && existsSync(program) ? [resolve(program)] : [];
  return { nodeArguments, programs, patient };
});
