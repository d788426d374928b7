import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs, styleText } from 'node:util';
import { LocalError } from '../../deploy/local/local-error.ts';
import { scriptOptions } from '../../deploy/local/script-options.ts';
import { profilingOptions, sharesIn } from './cpu-profile.ts';
import { measureGateways } from './gateways.ts';
import { measureHostile } from './hostile/hostile.ts';
import { measureIdleness } from './idleness.ts';
import { measureBurst, measureOne } from './issuance.ts';
import { measurePage } from './page.ts';
import { measureRush } from './rush.ts';
import { measureScale } from './scale.ts';
import type { Bench } from './stage.ts';
import { type Row, table } from './table.ts';
import { measureUpgrade } from './upgrade.ts';
import { measureWaits } from './waits.ts';
import { measureWildcards } from './wildcards.ts';
import { measureYears } from './years.ts';

const parts: Readonly<Record<string, (bench: Bench) => Promise<Row[]>>> = {
  one: measureOne,
  burst: measureBurst,
  idle: measureIdleness,
  wildcards: measureWildcards,
  gateways: measureGateways,
  upgrade: measureUpgrade,
  waits: measureWaits,
  rush: measureRush,
  page: measurePage,
  hostile: measureHostile,
  scale: measureScale,
  years: (bench) => measureYears(bench),
};
/** Each takes longer than all others together. */
const onlyNamed: ReadonlySet<string> = new Set(['scale', 'years']);

const help = `npm run bench [-- PART...]

Measures kube-lego as it is shipped (self-check on, LEGO_MAX_ORDERS_IN_FLIGHT 10) on a real API server and a real CA, everything on
this machine, and prints a table with the goals. Takes about eight minutes; other work on the machine shows in the result.

  PART         one of the parts below; without any, all of them but scale and years
  --only PART  the same
  --profile    also writes CPU profiles of the controller, *.cpuprofile, and prints how its time divides (not for page and hostile)
  --help       this text

  one     one Ingress at a time: time to the filled Secret (p50 of 20, 1.5 s apart), API writes, CA requests
  burst   200 Ingresses at once: certificates a second, API writes and CA requests for each; and in the same run the
          floor, which is a bare ACME loop on a fresh CA of the same configuration with as many orders in flight
  wildcards  100 wildcards at once by DNS-01, at a name server of this process: DNS updates and queries, API writes for each
  gateways  100 listeners of two Gateways at once, by HTTP-01: certificates a second, API writes for each
  idle    restart with 1,000 valid certificates, memory, growth up to 5,000, and an idle minute
  upgrade the first start with 1,000 valid certificates of a version without a record of holders
  waits   the same CA with Retry-After of 3 and 5 s: no request earlier, and no time lost beyond
  rush    1,000 Ingresses at once with LEGO_MAX_ORDERS_IN_FLIGHT 50 at the strict CA of the tests, which supports that many;
          the floor is the bare loop at the same CA
  page    the inspector's page with 10,000 Ingresses of which 100 change a second: first paint, CPU of browser and controller;
          supervisor, actors and inspector are the real ones, in a process without API server and CA
  hostile what attackers can write, serve and answer, a row each: the longest turn of the controller's event loop (by the
          clock, in which other work on the machine shows, and CPU of its main thread), memory, and whether the probes are answered
  scale   10,000 and 100,000 Ingresses with valid certificates: start, memory, an idle minute, a change, a renewal, and the
          longest block of the event loop; creating them takes most of a quarter of an hour and 3 GB of memory
  years   two simulated years of 5,000 Ingresses at the model of the CA: CPU; a quarter of an hour, and 2 GB of memory

A first certificate, which makes the ACME account, is issued before each part and not counted. API writes are those of the
controller's ServiceAccount in the API server's audit log, CA requests those in the CA's log.

Exit code: 0 when everything was measured, whatever the result; 1 when a part could not be measured; 2 for a wrong option.`;

const mostShares = 25;

const {
  names,
  profile: isProfiled,
  help: asksForHelp,
} = scriptOptions('bench', () => {
  const { values, positionals } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const chosen = [...values.only, ...positionals];
  const unknown = chosen.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) {
    throw new Error(`There is no part ${unknown.join(', ')}; there are: ${Object.keys(parts).join(', ')}.`);
  }
  return {
    ...values,
    names: chosen.length > 0 ? chosen : Object.keys(parts).filter((name) => !onlyNamed.has(name)),
  };
});

/** @param profiles directory for CPU profiles of the controller */
async function run(names: readonly string[], profiles: string | undefined): Promise<void> {
  const environment: Record<string, string> =
    profiles === undefined ? {} : { NODE_OPTIONS: profilingOptions(profiles) };
  const rows: Row[] = [];
  const unmeasured: string[] = [];
  for (const name of names) {
    try {
      rows.push(...(await measured(name, environment)));
    } catch (error) {
      rows.push(failed(name, error));
      unmeasured.push(name);
    }
  }
  progress('');
  process.stdout.write(`${table(rows)}\n\n`);
  if (profiles !== undefined) process.stdout.write(`${await profileText(profiles)}\n`);
  const missed = rows.filter(({ met }) => !met);
  if (missed.length === 0) process.stdout.write('All goals are met.\n');
  else {
    process.stdout.write(
      `${styleText('bold', 'Not met:')}\n${missed.map(({ what, goal, measured: got }) => `  ${what}: ${got} (goal ${goal})\n`).join('')}`,
    );
  }
  if (unmeasured.length > 0) {
    process.stderr.write(`Could not be measured: ${unmeasured.join(', ')}. The table says why.\n`);
    process.exitCode = 1;
  }
}

/** Pebble can deadlock, which is not kube-lego's fault: then the part is measured once more, with a fresh pebble. */
async function measured(name: string, environment: Bench['environment']): Promise<Row[]> {
  const measure = parts[name];
  if (measure === undefined) throw new Error(`there is no part ${name}`);
  const report = (text: string): void => progress(`${name}: ${text}`);
  for (let attempt = 1; ; attempt += 1) {
    report('starting the servers');
    try {
      return await measure({ progress: report, environment });
    } catch (error) {
      if (!(error instanceof LocalError) || error.code !== 'Deadlocked' || attempt > 1) throw error;
      progress('');
      process.stderr.write(`${name}: ${error.message}\n${name}: measured once more, with a fresh pebble.\n`);
    }
  }
}

/** Where the controller's time went, and where its profiles are. */
async function profileText(directory: string): Promise<string> {
  const shares = await sharesIn(directory);
  const total = shares.reduce((sum, { self }) => sum + self, 0);
  const lines = shares
    .slice(0, mostShares)
    .map(({ part, self }) => `  ${((100 * self) / total).toFixed(1).padStart(5)} %  ${part}`);
  const seconds = (total / 1000).toFixed(1);
  return `The controller's main thread was busy for ${seconds} s:\n${lines.join('\n')}\nProfiles, for a viewer such as Chrome's: ${directory}\n`;
}

function failed(name: string, error: unknown): Row {
  const measured = `not measured: ${error instanceof Error ? error.message : String(error)}`;
  return { what: name, peer: '', goal: '', measured, met: false };
}

/** One rewritten line on a terminal, elsewhere one line each. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
  else if (text !== '') process.stderr.write(`${new Date().toISOString()}  ${text}\n`);
}

if (asksForHelp) process.stdout.write(`${help}\n`);
else await run(names, isProfiled ? await mkdtemp(join(tmpdir(), 'kube-lego-profiles-')) : undefined);
