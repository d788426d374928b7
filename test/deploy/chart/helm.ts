import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Manifest, parseManifests } from '../../../deploy/local/manifests.ts';
import { toolPath } from '../../../deploy/local/tools/tool-path.ts';

export const chartFolder = fileURLToPath(new URL('../../../deploy/chart/', import.meta.url));

/** Nothing of the user's: neither repositories nor plugins. The folders need not exist. */
const homes = ['CACHE', 'CONFIG', 'DATA'].map((kind): [string, string] => [
  `HELM_${kind}_HOME`,
  join(tmpdir(), 'kube-lego-no-helm-home'),
]);

/**
 * Runs helm.
 * @param values for `--values=-`
 * @returns what it says on standard output
 * @throws Error with what it says on standard error
 */
export async function helm(args: readonly string[], values: object = {}): Promise<string> {
  const run = promisify(execFile)(toolPath('helm'), args, {
    // A run ends before there is much to collect: a quarter of its CPU.
    env: { ...process.env, ...Object.fromEntries(homes), GOGC: 'off' },
    maxBuffer: 2 ** 24,
  });
  run.child.stdin?.on('error', () => undefined);
  run.child.stdin?.end(JSON.stringify(values));
  return (await run).stdout;
}

export interface Release {
  readonly name: string;
  readonly namespace: string;
}

export const usualRelease: Release = { name: 'kube-lego', namespace: 'kube-lego' };

const rendered = new Map<string, Promise<Manifest[]>>();

/**
 * The same values are rendered once in a process: it costs a tenth of a second of CPU.
 * @returns the objects that the chart makes of these values
 */
export function renderChart(values: object, release = usualRelease): Promise<Manifest[]> {
  const key = JSON.stringify([values, release]);
  const manifests = rendered.get(key) ?? renderNow(values, release);
  rendered.set(key, manifests);
  return manifests;
}

async function renderNow(values: object, { name, namespace }: Release): Promise<Manifest[]> {
  const args = ['template', name, chartFolder, '--namespace', namespace, '--values=-'];
  return parseManifests(await helm(args, values), 'the chart');
}
