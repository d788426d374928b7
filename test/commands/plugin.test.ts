import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { commands } from '../../src/commands/command-help.ts';
import { completionsOf } from '../../src/commands/completion/completion.ts';
import { ApiStandIn, sendJson } from '../kubernetes/api-stand-in.ts';
import { eventually } from '../time/eventually.ts';
import { inherited } from './command-run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the plugin of kubectl', () => {
  let folder: string;
  let installed: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-lego-'));
    installed = join(folder, 'node_modules/kube-lego');
    await mkdir(installed, { recursive: true });
    for (const part of [...packageJson.files, 'package.json'])
      await cp(join(root, part), join(installed, part), { recursive: true });
    await symlink(join(root, 'node_modules'), join(installed, 'node_modules'));
    await mkdir(join(folder, 'bin'));
    for (const [name, file] of Object.entries(packageJson.bin)) {
      await symlink(join(installed, file), join(folder, 'bin', name));
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  function run(program: string, ...argv: readonly string[]) {
    return runWith('none', program, ...argv);
  }

  function runWith(kubeconfig: string, program: string, ...argv: readonly string[]) {
    const PATH = `${join(folder, 'bin')}:${dirname(process.execPath)}:${inherited['PATH'] ?? ''}`;
    return promisify(execFile)(join(folder, 'bin', program), [...argv], {
      env: { ...inherited, PATH, KUBECONFIG: join(folder, kubeconfig) },
    });
  }

  it('runs as npm installs it, under the names by which kubectl looks for it', async () => {
    assert.deepEqual(Object.keys(packageJson.bin).toSorted(), ['kubectl-lego', 'kubectl_complete-lego']);
    const { stdout, stderr } = await run('kubectl-lego', 'explain', '--help');
    assert.match(stdout, /^Usage: kubectl lego explain \[KIND\] NAMESPACE\/NAME/);
    assert.equal(stderr, '');
  });

  it('never starts the controller', async () => {
    await assert.rejects(run('kubectl-lego'), { code: 2, stdout: /Usage: kubectl lego COMMAND/ });
    await assert.rejects(run('kubectl-lego', '--kube-annotation=x'), {
      code: 2,
      stderr: /no command of kubectl lego/,
    });
  });

  it('has a guide that names every command', async () => {
    const guide = await readFile(join(root, 'docs/kubectl-plugin.md'), 'utf8');
    const missing = commands.filter((command) => !guide.includes(`\n| \`kubectl lego ${command}`));
    assert.deepEqual(missing, []);
  });

  it('has kubectl complete its words', async () => {
    const { stdout } = await run('kubectl_complete-lego', 'st');
    assert.equal(stdout, 'status\n:4\n');
    const { stdout: kinds } = await run('kubectl_complete-lego', 'explain', '');
    assert.equal(kinds, 'ingress\ngateway\nlistenerset\n:4\n', 'without a cluster');
  });

  it('has kubectl complete the names of Gateways, in the version that the API server has', async () => {
    const api = await ApiStandIn.start();
    try {
      const group = 'gateway.networking.k8s.io';
      const apiVersion = `${group}/v1beta1`;
      const versions = [{ groupVersion: apiVersion, version: 'v1beta1' }];
      api.override = (_, response, { pathname }) => {
        if (pathname === '/apis') sendJson(response, 200, { groups: [{ name: group, versions }] });
        else if (pathname === `/apis/${apiVersion}`)
          sendJson(response, 200, { resources: [{ name: 'gateways' }] });
        else return pathname !== `/apis/${apiVersion}/gateways` && !response.writeHead(404).end();
        return true;
      };
      api.put({ metadata: { namespace: 'shop', name: 'edge', uid: 'uid' } });
      await writeFile(join(folder, 'stand-in'), api.kubeconfig);
      assert.equal((await run('kubectl_complete-lego', 'retry', 'gateway', '')).stdout, ':4\n');
      const asked = async (kind: string) =>
        (await runWith('stand-in', 'kubectl_complete-lego', 'retry', kind, 'sh')).stdout;
      // It gives the API server two seconds.
      await eventually('a name is completed', async () => (await asked('gateway')) === 'shop/edge\n:4\n');
      assert.equal(await asked('listenerset'), ':4\n', 'it does not serve them');
    } finally {
      await api.stop();
    }
  });
});

describe('the completion of a word', () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    Ingress: ['shop/web', 'shop/api', 'blog/web'],
    Gateway: ['shop/edge'],
    ListenerSet: ['blog/team'],
  };
  for (const [words, expected] of [
    [['re'], ['retry', 'revoke']],
    [
      ['explain', 'shop/'],
      ['shop/web', 'shop/api'],
    ],
    [['explain', 'shop/web', ''], []],
    [['explain', 'ga'], ['gateway']],
    [['explain', 'gateway', ''], ['shop/edge']],
    [['retry', '-o', 'json', 'ListenerSet', ''], ['blog/team']],
    [['explain', 'gateway', 'shop/edge', ''], []],
    [['revoke', 'gateway', ''], []],
    [
      ['explain', '--o'],
      ['--offline', '--output'],
    ],
    [
      ['status', '-o', ''],
      ['text', 'json'],
    ],
    [['import', ''], ['cert-manager']],
    [['import', 'cert-manager', '--re'], ['--revert']],
    [['nothing', ''], []],
    [[''], commands],
  ] as const) {
    it(`of "${words.join(' ')}" is ${expected.join(', ') || 'none'}`, async () => {
      assert.deepEqual(await completionsOf(words, (kind) => Promise.resolve(names[kind] ?? [])), expected);
    });
  }
});
