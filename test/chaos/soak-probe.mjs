// Loaded into kube-lego by --import: every ten seconds, what is alive on the heap after a collection, a line in SOAK_PROBE.
import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const file = process.env['SOAK_PROBE'] ?? '';
setInterval(() => {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  appendFileSync(file, `${JSON.stringify({ pid: process.pid, at: Date.now(), heapUsed, rss })}\n`);
}, 10_000).unref();
