import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { freePorts } from '../../../deploy/local/free-ports.ts';
import { writeKubeconfig } from '../../../deploy/local/kubeconfig.ts';
import manifest from '../../../package.json' with { type: 'json' };
import { assets } from '../../../src/inspector/page/assets.ts';
import { eventually } from '../../time/eventually.ts';
import { contextFiles, copies, makeImageFolder } from './image-folder.ts';

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

let folder: string;
let kubeconfig: string;

/** The packages of package-lock.json, by their paths. */
function lockedPackages(): Readonly<Record<string, Locked>> {
  const text = readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8');
  const { packages }: { packages: Readonly<Record<string, Locked>> } = JSON.parse(text);
  return packages;
}

/** As the Deployment runs it: nobody's user, no home, nothing to write to; and with no program in PATH but Node. */
function constraints() {
  const isRoot = process.getuid?.() === 0;
  return {
    cwd: '/',
    env: {
      PATH: dirname(process.execPath),
      // Every write is an error, wherever it would go.
      NODE_OPTIONS: '--permission --allow-fs-read=*',
      NODE_NO_WARNINGS: '1',
    },
    ...(isRoot ? { uid: 1000, gid: 1000 } : {}),
  };
}

function program(): string {
  return join(folder, 'usr/local/bin/kube-lego');
}

/** Of the Deployment, in bytes. */
function memoryLimit(): number {
  const text = readFileSync(new URL('../../../deploy/base/deployment.yaml', import.meta.url), 'utf8');
  const [, mebibytes] = /limits:\n *memory: (\d+)Mi/.exec(text) ?? [];
  return Number(mebibytes) * 2 ** 20;
}

async function filesIn(root: string): Promise<string[]> {
  return (await readdir(root, { recursive: true })).toSorted();
}

describe('the image', () => {
  before(async () => {
    folder = await makeImageFolder();
    kubeconfig = join(folder, 'kubeconfig');
    // It is alive without an API server, too.
    await writeKubeconfig(kubeconfig, {
      server: 'https://127.0.0.1:1',
      ca: '',
      token: 'none',
      user: 'none',
      namespace: 'default',
    });
    // Other users may read all of it, and write nothing.
    await promisify(execFile)('chmod', ['-R', 'a+rX,a-w', folder]);
  });
  after(async () => {
    await promisify(execFile)('chmod', ['-R', 'u+w', folder]);
    await rm(folder, { recursive: true });
  });

  it('is made of nothing but what its context holds', async () => {
    const sources = (await copies()).map(({ source }) => source);
    const left = (await contextFiles()).filter(
      (file) =>
        !sources.some((source) => `${file}/`.startsWith(`${source}/`) || source.startsWith(`${file}/`)),
    );
    assert.deepEqual(left, []);
  });

  it('names the packages whose code it holds, for an SBOM, with their licences', async () => {
    const app = join(folder, 'app');
    const named = globSync('node_modules/**/package.json', { cwd: app }).map((path) => dirname(path));
    const bundled = new Set<string>();
    for (const file of globSync('*.mjs', { cwd: app })) {
      // Where esbuild says what comes from where.
      const origins = (await readFile(join(app, file), 'utf8')).matchAll(/^ *\/\/ (node_modules\/.*)$/gm);
      for (const [, origin = ''] of origins) {
        const [path = origin] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(origin) ?? [];
        bundled.add(path);
      }
    }
    assert.ok(bundled.has('node_modules/xstate'));
    assert.deepEqual(
      [...bundled].filter((path) => !named.includes(path)),
      [],
    );
    for (const path of named) {
      const { license, version }: { license?: string; version?: string } = JSON.parse(
        await readFile(join(app, path, 'package.json'), 'utf8'),
      );
      assert.ok(license, `${path} names no licence`);
      assert.equal(version, lockedPackages()[path]?.version);
      const notices = (await readdir(join(app, path))).filter((file) =>
        /^(?:(?:un)?licen[cs]e|readme)/i.test(file),
      );
      assert.notDeepEqual(notices, [], path);
    }
  });

  it('loads acme-client and node-forge on demand, not with the controller', async () => {
    const app = join(folder, 'app');
    const loaded = new Set(globSync('{main,start-*}.mjs', { cwd: app }));
    assert.equal(loaded.size, 2);
    let code = '';
    for (const file of loaded) {
      const text = await readFile(join(app, file), 'utf8');
      for (const [, other = ''] of text.matchAll(/^(?:} from|import) "\.\/(.*\.mjs)";$/gm)) loaded.add(other);
      code += text;
    }
    assert.ok(loaded.size > 2);
    assert.match(code, /^ *\/\/ node_modules\/xstate\//m);
    assert.doesNotMatch(code, /^ *\/\/ node_modules\/(acme-client|axios|node-forge|ws)\//m);
  });

  it('holds no package but those of the lockfile that are needed to run', () => {
    const packages = lockedPackages();
    for (const file of globSync('node_modules/**/package.json', { cwd: join(folder, 'app') })) {
      const path = dirname(file);
      const locked = packages[path];
      assert.ok(locked !== undefined && !locked.dev && !locked.optional && !locked.devOptional, path);
      assert.ok(locked.integrity?.startsWith('sha512-'), `${path} has no checksum`);
      assert.notEqual(locked.hasInstallScript, true, `${path} would run a script`);
    }
  });

  it('holds nothing that depends on the architecture, and no tests', async () => {
    const files = await filesIn(join(folder, 'app'));
    assert.deepEqual(
      files.filter((file) => /\.(node|so|dll|dylib)$/.test(file)),
      [],
    );
    assert.deepEqual(
      files.filter((file) => !file.startsWith('node_modules') && file.endsWith('.test.ts')),
      [],
    );
    const others = (await readdir(join(folder, 'app'))).filter((name) => !/\.mjs(\.map)?$/.test(name));
    assert.deepEqual(others.toSorted(), ['LICENSE', 'node_modules', 'package.json', 'page']);
  });

  it('runs its commands as the Deployment lets it, with no tool but Node', async () => {
    const { stdout } = await promisify(execFile)(program(), ['--version'], constraints());
    assert.match(stdout, new RegExp(manifest.version.replaceAll('.', '\\.')));
    const help = await promisify(execFile)(program(), ['explain', '--help'], constraints());
    assert.match(help.stdout, /explain/);
  });

  it('runs the controller likewise, within the memory limit, until SIGTERM', async () => {
    const [responder, metrics, health, inspector] = (await freePorts(4)).map(String);
    const { env, ...others } = constraints();
    const controller = spawn(program(), [], {
      ...others,
      stdio: 'ignore',
      env: {
        ...env,
        KUBECONFIG: kubeconfig,
        LEGO_PORT: responder,
        LEGO_METRICS_PORT: metrics,
        LEGO_HEALTH_PORT: health,
        LEGO_INSPECTOR_PORT: inspector,
      },
    });
    try {
      const isAlive = () =>
        fetch(`http://127.0.0.1:${health}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        );
      await eventually('it is alive', isAlive);
      for (const name of assets.keys()) {
        const path = name === 'index.html' ? '' : `page/${name}`;
        const { status } = await fetch(`http://127.0.0.1:${inspector}/${path}`);
        assert.equal(status, 200, name);
      }
      const status = await readFile(`/proc/${controller.pid}/status`, 'utf8').catch(() => '');
      const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      assert.ok(peak * 1024 < memoryLimit(), `it took ${peak} kB`);
      controller.kill('SIGTERM');
      const [code] = await once(controller, 'exit');
      assert.equal(code, 0);
    } finally {
      controller.kill('SIGKILL');
    }
  });
});
