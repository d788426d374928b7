import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { applyObjects } from '../../deploy/local/manifests.ts';
import type { Command } from '../../src/commands/command-help.ts';
import { runCommand } from '../../src/commands/run.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import { systemClock } from '../../src/time/clock.ts';
import { ingress, ingressPath } from '../controller-failures/objects.ts';
import { type ApiWorld, startApiWorld } from '../kubernetes/api-world.ts';
import { eventually } from '../time/eventually.ts';

/** As kubectl forwards a port: it says so, and goes on until it is ended. */
const kubectl = `#!/bin/sh
echo "$@" > "$KUBECTL_ARGUMENTS"
echo 'Forwarding from 127.0.0.1:54321 -> 9403'
exec /bin/sleep 60
`;

let world: ApiWorld;
let folder: string;

function run(
  command: Command,
  argv: readonly string[],
  said: { output: string; errors: string },
  signal = new AbortController().signal,
): Promise<number> {
  return runCommand(command, argv, {
    program: 'kubectl lego',
    env: { ...process.env, PATH: folder, KUBECTL_ARGUMENTS: join(folder, 'arguments') },
    clock: systemClock,
    signal,
    print: (text) => {
      said.output += text;
    },
    complain: (text) => {
      said.errors += text;
    },
  });
}

before(async () => {
  world = await startApiWorld();
  process.env['KUBECONFIG'] = world.cluster.adminKubeconfig;
  folder = await mkdtemp(join(tmpdir(), 'kube-lego-'));
  await writeFile(join(folder, 'kubectl'), kubectl);
  await chmod(join(folder, 'kubectl'), 0o755);
  for (const name of ['shop', 'kube-lego']) await world.createNamespace(name);
});
after(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('kube-lego retry', () => {
  it('sets the annotation to the time', async () => {
    await applyObjects(world.cluster.adminKubeconfig, [
      ingress('shop/web', { tls: { 'web-tls': ['web.example.com'] } }),
    ]);
    const said = { output: '', errors: '' };
    assert.equal(await run('retry', ['shop/web', '-o', 'json'], said), 0, said.errors);
    const found = await world.admin.expect(ingressPath('shop/web'));
    const annotations = recordField(recordField(found, 'metadata'), 'annotations');
    const value = stringField(annotations, 'kube-lego.io/retry');
    assert.ok(Math.abs(Date.parse(value ?? '') - Date.now()) < 60_000);
    assert.deepEqual(JSON.parse(said.output), { ingress: 'shop/web', retry: value });
  });

  it('says when there is no such Ingress', async () => {
    const said = { output: '', errors: '' };
    assert.equal(await run('retry', ['shop/nothing'], said), 1);
    assert.match(said.errors, /There is no Ingress shop\/nothing/);
  });
});

describe('a command that is named in what another one says', () => {
  it('has the name by which the user calls the program', async () => {
    const shared = { 'shared-tls': ['shared.example.com'] };
    await applyObjects(world.cluster.adminKubeconfig, [
      ingress('shop/first', { tls: shared }),
      ingress('shop/second', { tls: shared, annotations: { 'kube-lego.io/key-type': 'rsa4096' } }),
    ]);
    const said = { output: '', errors: '' };
    await run('explain', ['shop/second', '--offline'], said);
    assert.match(said.output, /run kubectl lego explain for that one/);
    assert.doesNotMatch(said.output, /kube-lego explain/);
  });
});

describe('kube-lego page', () => {
  it('says when nobody leads', async () => {
    const said = { output: '', errors: '' };
    assert.equal(await run('page', ['--no-browser'], said), 1);
    assert.match(said.errors, /Nobody leads/);
  });

  it('forwards the port of the pod that leads until it is interrupted', async () => {
    const time = new Date().toISOString().replace('Z', '000Z');
    const spec = {
      holderIdentity: 'kube-lego-7d9f',
      leaseDurationSeconds: 3600,
      acquireTime: time,
      renewTime: time,
    };
    const body = { metadata: { name: 'kube-lego' }, spec };
    await world.admin.expect('/apis/coordination.k8s.io/v1/namespaces/kube-lego/leases', {
      method: 'POST',
      body,
    });
    const said = { output: '', errors: '' };
    const interrupt = new AbortController();
    const ended = run('page', ['--no-browser'], said, interrupt.signal);
    await eventually('the address is printed', () => said.output !== '');
    assert.match(said.output, /kube-lego-7d9f: http:\/\/localhost:54321\/ \(Ctrl-C/);
    const argv = await readFile(join(folder, 'arguments'), 'utf8');
    assert.equal(argv, 'port-forward --namespace kube-lego --address 127.0.0.1 pod/kube-lego-7d9f :9403\n');
    interrupt.abort();
    assert.equal(await ended, 0);
  });

  it('prints where it is for programs', async () => {
    const said = { output: '', errors: '' };
    const interrupt = new AbortController();
    const ended = run('page', ['-o', 'json'], said, interrupt.signal);
    await eventually('the address is printed', () => said.output !== '');
    assert.deepEqual(JSON.parse(said.output), { pod: 'kube-lego-7d9f', url: 'http://localhost:54321/' });
    interrupt.abort();
    assert.equal(await ended, 0);
  });

  it('says when there is no kubectl, and when that ends by itself', async () => {
    const said = { output: '', errors: '' };
    await writeFile(join(folder, 'kubectl'), '#!/bin/sh\nexit 1\n');
    assert.equal(await run('page', ['--no-browser'], said), 1);
    assert.match(said.errors, /kubectl port-forward has ended/);
    await rm(join(folder, 'kubectl'));
    assert.equal(await run('page', ['--no-browser'], said), 1);
    assert.match(said.errors, /kubectl cannot be run/);
  });
});
