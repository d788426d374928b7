#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// What kubectl asks, as `kubectl_complete-lego` in PATH, to complete a word of `kubectl lego`.
import process from 'node:process';
import { stripTypes } from './strip-types.mjs';

stripTypes();
const { completePlugin } = await import('../src/plugin.ts');
await completePlugin(process.argv.slice(2));
