import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRecord } from '../../src/process/json.ts';

/** Options of Node by which a process writes a CPU profile, `*.cpuprofile`, into this directory when it ends by itself. */
export function profilingOptions(directory: string): string {
  return `--cpu-prof --cpu-prof-dir=${directory}`;
}

/** Own time of a part of the program. */
export interface Share {
  /** A package, a room of the project, a module of Node, or a part of V8 in parentheses. */
  readonly part: string;
  /** Milliseconds. */
  readonly self: number;
}

interface ProfileNode {
  readonly id: number;
  /** both numbers from 0 on */
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
}

/** The parts of all profiles in a directory, the largest first; time in which the process was idle is left out. */
export async function sharesIn(directory: string): Promise<Share[]> {
  const sums = new Map<string, number>();
  const origins = new Origins();
  for (const file of await readdir(directory)) {
    const profile: unknown = JSON.parse(await readFile(join(directory, file), 'utf8'));
    if (!isProfile(profile)) throw new Error(`${file} is no CPU profile`);
    const partOf = new Map(profile.nodes.map((node) => [node.id, part(node, origins)]));
    profile.samples.forEach((id, index) => {
      const name = partOf.get(id) ?? '(unknown)';
      sums.set(name, (sums.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1000);
    });
  }
  sums.delete('(idle)');
  return Array.from(sums, ([name, self]) => ({ part: name, self })).toSorted(
    (one, other) => other.self - one.self,
  );
}

/** Of the bundled program each file is made of many: its source maps know them by their paths in the repository. */
class Origins {
  readonly #maps = new Map<string, SourceMap | undefined>();

  of({ url, lineNumber, columnNumber }: ProfileNode['callFrame']): string {
    if (!url.startsWith('file:')) return url;
    if (!this.#maps.has(url)) this.#maps.set(url, mapOf(fileURLToPath(url)));
    const entry = this.#maps.get(url)?.findEntry(lineNumber, columnNumber);
    return entry !== undefined && 'originalSource' in entry ? entry.originalSource : url;
  }
}

function mapOf(file: string): SourceMap | undefined {
  const map = `${file}.map`;
  return existsSync(map) ? new SourceMap(JSON.parse(readFileSync(map, 'utf8'))) : undefined;
}

function part({ callFrame }: ProfileNode, origins: Origins): string {
  const { functionName } = callFrame;
  const url = origins.of(callFrame);
  const packaged = /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (packaged !== undefined) return packaged;
  const room = /(?:^|\/)((?:src|machines)(?:\/[a-z0-9-]+)?)\/[^/]*(?:\/|$)/.exec(url)?.[1];
  if (room !== undefined) return room;
  if (url.startsWith('node:')) return url.split('/')[0] ?? url;
  return functionName.startsWith('(') ? functionName : '(V8 and native code)';
}

function isProfile(value: unknown): value is {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
} {
  return (
    isRecord(value) &&
    Array.isArray(value['nodes']) &&
    Array.isArray(value['samples']) &&
    Array.isArray(value['timeDeltas'])
  );
}
