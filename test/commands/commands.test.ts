import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { programFile } from '../../deploy/image/image.ts';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { readKubeconfig, writeKubeconfig } from '../../deploy/local/kubeconfig.ts';
import type { Command } from '../../src/commands/command-help.ts';
import type { Check, Explanation } from '../../src/commands/explain/explanation.ts';
import type { Overview } from '../../src/commands/status/status-command.ts';
import { nextSecond } from '../controller/observation.ts';
import { startFaultyProxy } from '../controller-failures/faulty-proxy.ts';
import { ingress, ingressPath, secret, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { saidOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';
import {
  besideController,
  explained as explainedAt,
  explainedInPod,
  inherited,
  peakMemory,
  runCommand,
  runProgram,
} from './command-run.ts';

const dead = 'dead.example.com';
/** Bytes that the controller may take with 1,000 Ingresses, by the bench. */
const controllerGoal = 180e6;

/** What the controller finds, before anything is asked. */
const outcomes = {
  'shop/good': 'good',
  'shop/dead': 'SelfCheckFailed',
  'shop/typo': 'IngressClassNotFound',
  'shop/frozen': 'ImmutableSecret',
  'shop/heir': 'ImmutableSecret',
  'shop/alb': 'IngressControllerDoesNotMerge',
  'shop/wild': 'WildcardHost',
  'shop/rsa': 'UnsupportedKeyType',
  'shop/manager': 'ManagedByCertManager',
  'shop/theirs': 'ForeignSecret',
  'blog/thief': 'thief-tls',
};

let stage: Stage;

const run = (
  command: Command,
  argv: readonly string[] = [],
  environment?: Readonly<Record<string, string>>,
) => runCommand(stage, command, argv, environment);
const explained = (key: string, environment?: Readonly<Record<string, string>>) =>
  explainedAt(stage, key, environment);

/** What was found about this; each one once. */
function told(checks: readonly Check[], about: string): string {
  const found = checks.filter((check) => check.about === about);
  assert.equal(found.length, 1, `${about} in ${JSON.stringify(checks)}`);
  return found[0]?.text ?? '';
}

describe('kube-lego explain and kube-lego status', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop', 'blog'] });
    await stage.world.dns.setNoAddress(dead);
    await stage.apply(
      ingress('shop/good', { tls: { 'good-tls': ['good.example.com'] } }),
      ingress('shop/dead', { tls: { 'dead-tls': [dead] } }),
      ingress('shop/typo', { className: 'egde', tls: { 'typo-tls': ['www.typo.example.com'] } }),
      ingress('shop/plain', { tls: { 'plain-tls': ['plain.example.com'] }, annotated: false }),
      ingress('shop/wild', { tls: { 'wild-tls': ['*.example.com'] } }),
      ingress('shop/bare', { tls: {}, plainHosts: ['bare.example.com'] }),
      secret(
        'shop/frozen-tls',
        { 'tls.crt': '', 'tls.key': '' },
        { immutable: true, metadata: { labels: { 'app.kubernetes.io/managed-by': 'kube-lego' } } },
      ),
      ingress('shop/frozen', { tls: { 'frozen-tls': ['frozen.example.com'] } }),
      {
        ...ingress('shop/alb', {
          // Not below the wildcard that shop/wild serves with another class.
          tls: { 'alb-tls': ['www.alb.example.com'] },
          annotations: { 'kubernetes.io/ingress.class': 'alb' },
        }),
      },
    );
    await nextSecond();
    const goodHost = ['good.example.com'];
    await stage.apply(
      ingress('shop/second', { tls: { 'good-tls': goodHost } }),
      ingress('shop/heir', { tls: { 'frozen-tls': ['heir.example.com'] } }),
      ingress('blog/thief', { tls: { 'thief-tls': goodHost } }),
      ingress('shop/rsa', {
        tls: { 'rsa-tls': ['rsa.example.com'] },
        annotations: { 'kube-lego.io/key-type': 'rsa-1024' },
      }),
      ingress('shop/manager', {
        tls: { 'manager-tls': ['manager.example.com'] },
        annotations: { 'cert-manager.io/issuer': 'le' },
      }),
      secret('shop/theirs-tls', { 'tls.crt': 'what?', 'tls.key': 'what?' }),
      ingress('shop/theirs', { tls: { 'theirs-tls': ['theirs.example.com'] } }),
    );
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '20s' });
    await stage.untilIssued('shop/good');
    const isTold = async ([key, outcome]: [string, string]) =>
      saidOf(await stage.object(ingressPath(key))).includes(outcome);
    const areTold = async () => (await Promise.all(Object.entries(outcomes).map(isTold))).every(Boolean);
    // The self-check takes a third of a minute.
    await stage.guard(eventually('the others have their outcome', areTold, 80_000));
  });
  after(() => stage.stop());

  it('say that a good one is good, and when it is renewed', async () => {
    const { verdict, next, checks } = await explained('shop/good');
    assert.equal(verdict, 'good');
    assert.match(next, /^It is renewed at \d{4}-.* \(in \d+ days\)\.$/);
    assert.ok(
      checks.some(
        ({ about, text: words }) => about === 'Secret good-tls' && words.includes('covers all hosts'),
      ),
    );
  });

  for (const [key, verdict, why, next, remedy] of [
    [
      'shop/none',
      'not-served',
      /There is no Ingress shop\/none/,
      /until the Ingress changes/,
      /kubectl get ingress/,
    ],
    [
      'shop/plain',
      'not-served',
      /has no annotation kubernetes\.io\/tls-acme/,
      /until the Ingress changes/,
      /^Set/,
    ],
    ['shop/wild', 'not-served', /\*\.example\.com/, /until the Ingress changes/, /List each host by name/],
    [
      'shop/bare',
      'not-served',
      /bare\.example\.com has a rule but is not in spec\.tls/,
      /until/,
      /Add the host/,
    ],
    ['shop/rsa', 'not-served', /Key type rsa-1024 is unknown/, /until/, /Set kube-lego\.io\/key-type/],
    ['shop/manager', 'not-served', /issuer annotation of cert-manager/, /until/, /so that one controller/],
    ['shop/theirs', 'failing', /kube-lego did not create it/, /until the Ingress or the Secret/, /adopt/],
    ['blog/thief', 'failing', /belongs to another namespace/, /until/, /a host of your own/],
    ['shop/dead', 'failing', /SelfCheckFailed since .*dead\.example\.com/, /checked again every/, /DNS/],
    [
      'shop/frozen',
      'failing',
      /The Secret is immutable/,
      /until the Ingress or the Secret/,
      /Delete the Secret/,
    ],
    [
      'shop/typo',
      'failing',
      /IngressClassNotFound since .*egde/,
      /checked again every/,
      /spec\.ingressClassName/,
    ],
    ['shop/alb', 'failing', /IngressControllerDoesNotMerge/, /until the Ingress or/, /merges a host/],
  ] as const) {
    it(`say why ${key} has no certificate, what comes next and what to do`, async () => {
      const explanation = await explained(key);
      assert.equal(explanation.verdict, verdict);
      assert.match(explanation.why, why);
      assert.match(explanation.next, next);
      assert.match(explanation.remedy ?? '', remedy);
    });
  }

  it('send him who asks for an Ingress with a shared Secret to the older one', async () => {
    const { verdict, why } = await explained('shop/second');
    assert.equal(verdict, 'good');
    assert.equal(why, 'Secret good-tls is owned by the older Ingress good.');
  });

  it('tell him of its failures', async () => {
    const { verdict, why, next } = await explained('shop/heir');
    assert.equal(verdict, 'failing');
    assert.match(why, /^Secret frozen-tls of the older Ingress frozen: .*The Secret is immutable/);
    assert.match(next, /explain for that one/);
    const told = await stage.untilWarned('shop/heir', 'ImmutableSecret');
    assert.match(told, /^Secret frozen-tls of the older Ingress frozen: /);
  });

  it('name a class that does not exist', async () => {
    const { checks } = await explained('shop/typo');
    assert.deepEqual(
      checks.filter(({ about }) => about === 'class').map(({ result, text }) => [result, text]),
      [['problem', 'The Ingress is of class egde, and there is no IngressClass of this name, only edge.']],
    );
  });

  it('walk the way of a dead host as a person would', async () => {
    const { code, output } = await runProgram(stage, ['explain', 'shop/dead']);
    assert.equal(code, 1);
    for (const line of [
      /^Ingress shop\/dead: failing$/m,
      /^ {2}ok +annotation +kubernetes\.io\/tls-acme is "true"\.$/m,
      /^ {2}ok +spec\.tls +Secret dead-tls should hold a certificate for dead\.example\.com\.$/m,
      /^ {2}ok +class +The Ingress is of class edge\.$/m,
      /^ {2}PROBLEM +Service +Service kube-lego\/kube-lego has no ready pod\./m,
      /^ {2}PROBLEM +DNS dead\.example\.com +Host dead\.example\.com .* address/m,
      /^ {2}note +Secret dead-tls +Secret dead-tls does not exist\.$/m,
      /^ {2}PROBLEM +outcome dead-tls +SelfCheckFailed since /m,
    ]) {
      assert.match(output, line);
    }
  });

  it('hear the controller itself where it can be asked', async () => {
    const { live, checks } = await explainedInPod(stage, 'shop/good');
    assert.equal(live?.row.state, 'idle');
    assert.match(told(checks, 'controller'), /^It is idle since [\dT:-]+Z; next: check at /);
  });

  it('tell how far a host came in the last round, step by step, in the pod as it is documented', async () => {
    const KUBECONFIG = await stage.world.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
    const environment = { KUBECONFIG, ...besideController(stage) };
    let explanation: Explanation | undefined;
    // Once a minute it is being checked, and a busy controller may not answer in time.
    await eventually('the controller tells of a check that has ended', async () => {
      explanation = await explained('shop/dead', environment);
      return explanation.live?.row.state === 'backing-off';
    });
    assert.ok(explanation);
    const { verdict, why, next, live, checks } = explanation;
    assert.equal(verdict, 'failing');
    assert.match(why, /^SelfCheckFailed since .*dead\.example\.com/);
    assert.match(next, /^It is tried again at /);
    assert.match(told(checks, 'controller'), /^It is backing-off since .*; next: retry dead-tls at /);
    assert.match(
      told(checks, `host ${dead}`),
      /^DNS failed [\dT:-]+Z \(Host dead\.example\.com .*\), challenge route done [\dT:-]+Z/,
    );
    assert.equal(live?.certificates[0]?.hosts[0]?.host, dead);
    assert.match((await run('explain', ['shop/good'], environment)).output, /^Ingress shop\/good: good$/m);
  });

  it('tell the last transitions of an Ingress that somebody has watched', async () => {
    const leave = new AbortController();
    const { inspector } = stage.world.ports;
    const viewer = await fetch(`http://127.0.0.1:${inspector}/events`, { signal: leave.signal });
    await stage.apply(ingress('shop/watched', { tls: { 'watched-tls': ['watched.example.com'] } }));
    await stage.untilIssued('shop/watched');
    const { checks } = await explainedInPod(stage, 'shop/watched');
    assert.match(told(checks, 'history'), /[\dT:-]+Z CERTIFICATE_FINISHED watched-tls: stored/);
    assert.match(told(checks, 'history'), /storing → \w+/);
    leave.abort();
    await viewer.text().catch(() => undefined);
  });

  it('list them all, and those that need somebody', async () => {
    const all = await run('status');
    assert.equal(all.code, 1, all.errors);
    assert.match(
      all.output,
      /^shop\/good +good-tls +good +\d+ days +renew in \d+ days +good\.example\.com$/m,
    );
    assert.match(all.output, /^shop\/dead +dead-tls +failed .*retry/m);
    assert.doesNotMatch(all.output, /shop\/plain/);
    const { code, output } = await run('status', ['--problems', '-n', 'shop', '-o', 'json']);
    assert.equal(code, 1);
    const { rows }: Overview = JSON.parse(output);
    assert.deepEqual(rows.map(({ ingress: key, reason }) => `${key} ${reason}`).toSorted(), [
      'shop/alb IngressControllerDoesNotMerge',
      'shop/dead SelfCheckFailed',
      'shop/frozen ImmutableSecret',
      'shop/heir ImmutableSecret',
      'shop/manager ManagedByCertManager',
      'shop/rsa UnsupportedKeyType',
      'shop/theirs ForeignSecret',
      'shop/typo IngressClassNotFound',
      'shop/wild WildcardHost',
    ]);
    const other = await run('status', ['-n', 'blog']);
    assert.equal(other.code, 1);
    assert.match(other.output, /^blog\/thief +thief-tls +failed/m);
    const empty = await run('status', ['-n', 'kube-system']);
    assert.equal(empty.code, 0);
    assert.match(empty.output, /^kube-lego manages no Ingress or Gateway in namespace kube-system\.$/m);
    assert.match(empty.output, /^\S+ leads since \d{4}-\S+Z\.$/m);
  });

  it('go on watching until they are interrupted', async () => {
    const child = spawn(process.execPath, [programFile(), 'status', '--watch'], {
      env: { ...inherited, KUBECONFIG: stage.world.cluster.adminKubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    let shown = '';
    for await (const chunk of child.stdout) {
      shown += String(chunk);
      if (shown.split('shop/dead').length > 2) child.kill('SIGINT');
    }
    assert.equal(await ended, 0);
  });

  it('go on watching when the API server does not answer once', async () => {
    const { adminKubeconfig, serverUrl, ca } = stage.world.cluster;
    await using proxy = await startFaultyProxy(serverUrl, ca);
    const KUBECONFIG = join(stage.world.session.directory, 'watching.kubeconfig');
    const { token } = await readKubeconfig(adminKubeconfig);
    const user = { user: 'admin', namespace: 'shop', token };
    await writeKubeconfig(KUBECONFIG, { ...user, server: proxy.url, ca: proxy.caPem });
    let asked = 0;
    proxy.interfere = () => {
      asked += 1;
      return asked === 1 ? Promise.resolve({ status: 500, headers: {}, body: '' }) : undefined;
    };
    const child = spawn(process.execPath, [programFile(), 'status', '--watch'], {
      env: { ...inherited, KUBECONFIG },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const complaints = text(child.stderr);
    for await (const chunk of child.stdout) {
      if (String(chunk).includes('shop/dead')) child.kill('SIGINT');
    }
    assert.equal(await ended, 0);
    assert.match(await complaints, /^The API server cannot be reached: GET .*\/ingresses: 500 /);
  });

  it('call no Secret orphaned that is in use, or that is no certificate', async () => {
    await stage.world.api.expect(ingressPath('shop/watched'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'kubernetes.io/tls-acme': null } } },
    });
    const { orphans, rows }: Overview = JSON.parse((await run('status', ['-o', 'json'])).output);
    assert.ok(!rows.some(({ ingress: key }) => key === 'shop/watched'));
    assert.ok(await stage.secret('kube-lego/kube-lego-account'));
    assert.deepEqual(orphans, []);
  });

  it('look for orphaned Secrets only where they look for Ingresses', async () => {
    await stage.world.api.expect(ingressPath('shop/watched'), { method: 'DELETE' });
    const orphansOf = async (environment: Readonly<Record<string, string>>, ...argv: readonly string[]) => {
      const { output, errors } = await run('status', ['-o', 'json', ...argv], environment);
      assert.ok(output !== '', errors);
      const { orphans }: Overview = JSON.parse(output);
      return orphans;
    };
    assert.deepEqual(await orphansOf({}), ['shop/watched-tls']);
    assert.deepEqual(await orphansOf({ LEGO_WATCH_NAMESPACE: 'blog' }), []);
    assert.deepEqual(await orphansOf({ LEGO_WATCH_NAMESPACE: 'blog' }, '-n', 'shop'), []);
    assert.deepEqual(await orphansOf({ LEGO_WATCH_NAMESPACE: 'shop,blog' }), ['shop/watched-tls']);
    await stage.world.api.expect(secretPath('shop/watched-tls'), { method: 'DELETE' });
  });

  it('name the Secrets that no Ingress names any more, whatever became of their label', async () => {
    await stage.world.api.expect(secretPath('shop/good-tls'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { 'app.kubernetes.io/managed-by': 'Helm' } } },
    });
    for (const key of ['shop/good', 'shop/second']) {
      await stage.world.api.expect(ingressPath(key), { method: 'DELETE' });
    }
    const { output } = await run('status', ['-n', 'shop', '-o', 'json']);
    const { orphans }: Overview = JSON.parse(output);
    assert.deepEqual(orphans, ['shop/good-tls']);
  });

  it('tell nothing to do from nothing there', async () => {
    assert.match(
      (await run('status', ['-n', 'empty'])).output,
      /^kube-lego manages no Ingress or Gateway in namespace empty\.$/m,
    );
    const { output } = await run('status', ['-n', 'empty', '--problems']);
    assert.match(output, /^Nothing needs action in namespace empty\.$/m);
  });

  it('leave the controller room within the memory limit that they share with it', async () => {
    const manifest = await readFile(new URL('../../deploy/base/deployment.yaml', import.meta.url), 'utf8');
    const limit = Number(/limits:\s+memory: (\d+)Mi/.exec(manifest)?.[1]) * 2 ** 20;
    for (const argv of [['explain', 'shop/dead'], ['status']]) {
      // The first run fills the compile cache, as the build of the image does.
      await peakMemory(stage, argv);
      const peak = await peakMemory(stage, argv);
      assert.ok(peak < 190e6, `${argv.join(' ')} takes ${peak} bytes`);
      assert.ok(controllerGoal + peak < limit * 0.75, `${argv.join(' ')} takes ${peak} of ${limit} bytes`);
    }
  });

  it('do what they can under the ServiceAccount of the controller', async () => {
    const KUBECONFIG = await stage.world.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
    const { code, output, errors } = await run('status', [], { KUBECONFIG });
    assert.equal(code, 1, errors);
    assert.match(output, /^shop\/dead +dead-tls +failed/m);
    assert.match(output, /Secrets may not be listed/);
    const explanation = await explained('shop/dead', { KUBECONFIG });
    assert.match(explanation.why, /SelfCheckFailed/);
  });

  it('write nothing', async () => {
    const records = await readAuditLog(stage.world.cluster.auditLog);
    const ours = records.filter(({ userAgent }) => /^kube-lego\/\S+ (?:status|explain)$/.test(userAgent));
    assert.ok(ours.length > 20);
    assert.deepEqual(
      ours.filter(({ verb }) => !['get', 'list'].includes(verb)),
      [],
    );
  });

  it('end with 2 for a wrong command line or setting, and with 3 when the API server cannot be asked', async () => {
    assert.equal((await run('explain')).code, 2);
    assert.equal((await run('status', [], { LEGO_PORT: 'x' })).code, 2);
    assert.equal((await run('status', ['--context', 'none'])).code, 3);
    assert.equal((await run('status', ['--help'])).code, 0);
    const KUBECONFIG = join(stage.world.session.directory, 'nowhere.kubeconfig');
    const { ca, token } = await readKubeconfig(stage.world.cluster.adminKubeconfig);
    const user = { user: 'admin', namespace: 'shop', ca, token };
    await writeKubeconfig(KUBECONFIG, { ...user, server: 'https://127.0.0.1:1' });
    const { code, errors } = await runProgram(stage, ['explain', 'shop/dead'], { KUBECONFIG });
    assert.equal(code, 3);
    assert.match(errors, /^The API server cannot be reached: /);
  });
});
