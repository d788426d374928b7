#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The plugin of kubectl, which finds it in PATH as `kubectl-lego`.
import process from 'node:process';
import { stripTypes } from './strip-types.mjs';

stripTypes();
const { runPlugin } = await import('../src/plugin.ts');
process.exitCode = await runPlugin(process.argv.slice(2));
