// What the image holds, and how it starts kube-lego: tests, demo and bench start what is shipped.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledProgram } from '../local/launcher/bundled-program.mjs';
import { LocalError } from '../local/local-error.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The folder that the image is made of. Never made here: the launcher has bundled the program before it starts a command whose
 * code comes here (deploy/local/launcher/needed-tools.mjs), and says where. So what somebody changes meanwhile is not mixed with it.
 * @throws LocalError ToolMissing
 */
export function imageFolder(): string {
  const folder = process.env['KUBE_LEGO_PROGRAM'] ?? bundledProgram(root);
  if (existsSync(folder)) return folder;
  throw new LocalError(
    'ToolMissing',
    'The program is not bundled as it is now. npm test, npm run demo and npm run bench bundle it before they start.',
  );
}

/** The bundled `kube-lego`, for Node. */
export function programFile(): string {
  return join(imageFolder(), 'app/main.mjs');
}

/** The command line of the image, to test and measure what is shipped. */
export async function readImage(folder = imageFolder()): Promise<{
  /** of Node */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}> {
  const app = `${join(folder, 'app')}/`;
  const program = await readFile(join(folder, 'bin/kube-lego'), 'utf8');
  const [, options] = /^exec node (.*) \/app\/main\.mjs "\$@"$/m.exec(program) ?? [];
  if (options === undefined) throw new Error('bin/kube-lego starts kube-lego in an unknown way');
  const dockerfile = await readFile(join(root, 'deploy/image/Dockerfile'), 'utf8');
  const assignments = [...dockerfile.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) => line.split(' '));
  return {
    arguments: [...options.split(' '), join(app, 'main.mjs')],
    environment: Object.fromEntries(
      assignments.map((assignment) => {
        const [name = '', value = ''] = assignment.split('=', 2);
        return [name, value.replace(/^\/app\//, app)];
      }),
    ),
  };
}
