// Preloaded into the controller (`--import`): measures the turns of its event loop, from within and without a change of it.

import { appendFileSync, existsSync } from 'node:fs';
import process from 'node:process';

/** Milliseconds. */
const interval = 5;
const shortest = 20;
const flushing = 250;
/** Of the file beside the probe's, while which is there it rests: its 200 turns a second take more CPU than an idle controller. */
export const restSuffix = '.rest';

const file = process.env['LOOP_PROBE_FILE'];
if (file !== undefined) {
  let lines = '';
  let probing: NodeJS.Timeout | undefined;
  const probe = (): void => {
    let at = performance.now();
    let cpu = cpuTime();
    probing = setInterval(() => {
      const now = performance.now();
      const spent = cpuTime();
      const stall = now - at - interval;
      if (stall >= shortest) lines += `${Date.now()} ${stall.toFixed(1)} ${(spent - cpu).toFixed(1)}\n`;
      at = now;
      cpu = spent;
    }, interval).unref();
  };
  probe();
  setInterval(() => {
    if (existsSync(`${file}${restSuffix}`)) {
      clearInterval(probing);
      probing = undefined;
    } else if (probing === undefined) probe();
    // Also without a stall: who reads it knows by that that none goes on.
    appendFileSync(file, `${lines}${Date.now()} 0 0\n`);
    lines = '';
  }, flushing).unref();
}

/** Milliseconds of CPU of this thread: no other thread or process shows in it, as it does in the clock. */
function cpuTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
