import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCalled, type Command, commands, helpOf, type Program } from '../../src/commands/command-help.ts';
import { readRequest } from '../../src/commands/command-line.ts';
import { runCommand } from '../../src/commands/run.ts';
import { statusTable } from '../../src/commands/status/status-table.ts';
import { helpText } from '../../src/config/help.ts';
import { systemClock } from '../../src/time/clock.ts';
import { now } from '../machines/builders.ts';

describe('the command line', () => {
  it('knows its options', () => {
    assert.deepEqual(readRequest('status', ['-n', 'shop', '--problems', '-o', 'json']), {
      kind: 'status',
      output: 'json',
      context: undefined,
      namespace: 'shop',
      problems: true,
      watch: false,
    });
    assert.deepEqual(readRequest('explain', ['shop/web', '--context=prod', '--offline']), {
      kind: 'explain',
      output: 'text',
      context: 'prod',
      source: { kind: 'Ingress', namespace: 'shop', name: 'web' },
      offline: true,
    });
    for (const command of ['explain', 'retry'] as const) {
      assert.partialDeepStrictEqual(readRequest(command, ['gateway', 'infra/edge']), {
        source: { kind: 'Gateway', namespace: 'infra', name: 'edge' },
      });
      assert.partialDeepStrictEqual(readRequest(command, ['ListenerSet', 'shop/team']), {
        source: { kind: 'ListenerSet', namespace: 'shop', name: 'team' },
      });
    }
    assert.deepEqual(readRequest('revoke', ['shop/web-tls', '--reason', 'superseded', '-y', '--now']), {
      kind: 'revoke',
      output: 'text',
      context: undefined,
      namespace: 'shop',
      secretName: 'web-tls',
      reason: 'superseded',
      serial: undefined,
      now: true,
      dryRun: false,
      yes: true,
    });
    for (const serial of ['0A1B2C', 'a1b2c', '0x0a1b2c', '00:0A:1B:2C']) {
      assert.partialDeepStrictEqual(
        readRequest('revoke', ['shop/web-tls', '--reason', 'superseded', '--serial', serial]),
        { serial: '0A1B2C' },
      );
    }
    assert.deepEqual(readRequest('account', []), { kind: 'account', output: 'text', context: undefined });
  });

  for (const command of commands) {
    it(`has a help for ${command} that fits a terminal and names the exit codes`, () => {
      assert.deepEqual(readRequest(command, ['whatever', '--help']), { kind: 'help', command });
      const text = helpOf(command, 'kubectl lego');
      assert.ok(text.startsWith(`Usage: kubectl lego ${command}`));
      for (const line of text.split('\n')) assert.ok(line.length <= 120, line);
      assert.match(text, /Exit code: 0 .* 1 .* 2 .* 3 /s);
    });
  }

  for (const [command, argv] of [
    ['status', ['shop']],
    ['status', ['-o', 'yaml']],
    ['status', ['--all']],
    ['explain', []],
    ['explain', ['web']],
    ['explain', ['shop/web', 'shop/other']],
    ['explain', ['shop/']],
    ['explain', ['gateway']],
    ['explain', ['service', 'shop/web']],
    ['explain', ['gateway', 'infra', 'edge']],
    ['explain', ['shop/..']],
    ['explain', ['shop/a?b']],
    ['explain', ['shop/wéb']],
    ['explain', ['Shop/web']],
    ['explain', [`shop/${'x'.repeat(3000)}`]],
    ['retry', ['../web']],
    ['status', ['-n', '']],
    ['status', ['-n', 'shop,blog']],
    ['import', ['cert-manager', '--apply', '-n', '']],
    ['explain', ['shop/web', '--watch']],
    ['revoke', ['shop/web-tls']],
    ['revoke', ['web-tls', '--reason', 'superseded']],
    ['revoke', ['shop/web-tls', '--reason', 'cACompromise']],
    ['revoke', ['shop/web-tls', '--reason', 'superseded', '--serial', '12 34']],
    ['revoke', ['shop/web-tls', '--reason', 'superseded', '--serial', 'x'.repeat(3000)]],
    ['revoke', ['shop/web-tls', '--reason', '__proto__']],
    ['revoke', ['shop/web-tls', '--reason', 'superseded', '--dry-run', '--yes']],
    ['account', ['delete']],
    ['account', ['--yes']],
  ] as const) {
    it(`refuses ${command} ${argv.join(' ').slice(0, 60)}, says so in few words, and where the help is`, () => {
      const request = readRequest(command, argv);
      assert.ok(request.kind === 'errors');
      assert.equal(request.errors.at(-1), `See kube-lego ${command} --help.`);
      assert.ok(request.errors.join('\n').length < 300);
    });
  }

  for (const [command, argv, told] of [
    ['explain', ['service', 'shop/web'], /^service: KIND must be one of ingress, gateway, listenerset\.$/],
    ['explain', ['gateway'], /^Name one Gateway as NAMESPACE\/NAME\.$/],
    ['explain', ['shop/\u001B[2J'], /^\[2J: no object can have this name\.$/],
    ['import', ['cert-manager', '-n', ''], /^The namespace is empty\.$/],
    ['revoke', ['shop/web-tls'], /^Give a --reason: it must be one of unspecified, keyCompromise, /],
    ['revoke', ['shop/web-tls', '--reason', 'x'.repeat(3000)], /x…: must be one of unspecified, key/],
  ] as const) {
    it(`says what is wrong with ${command} ${JSON.stringify(argv).slice(0, 60)}`, () => {
      const request = readRequest(command, argv);
      assert.ok(request.kind === 'errors');
      assert.match(request.errors[0] ?? '', told);
    });
  }

  it('is spoken of by the name by which the user calls the program', async () => {
    const told = await complaintsOf('kubectl lego', 'status', ['shop']);
    assert.equal(told, 'shop: kubectl lego status takes only options.\nSee kubectl lego status --help.');
    assert.match(await complaintsOf('kube-lego', 'status', ['shop']), /^See kube-lego status --help\.$/m);
  });

  it('is spoken of as kube-lego where it runs in a pod', () => {
    const help = helpOf('zones', 'kubectl lego');
    assert.match(help, /^Usage: kubectl lego zones/);
    assert.match(help, /deployment\/kube-lego -- kube-lego zones$/m);
    assert.equal(
      asCalled('the kube-lego-account of kube-lego', 'kubectl lego'),
      'the kube-lego-account of kube-lego',
    );
  });

  it('of the controller names every command in its help', () => {
    const words = helpText('1.0.0')
      .split('\n\n')[1]
      ?.split(/[\s,;]+/);
    assert.deepEqual(
      commands.filter((command) => words?.includes(command) !== true),
      [],
    );
  });
});

async function complaintsOf(program: Program, command: Command, argv: readonly string[]): Promise<string> {
  let told = '';
  const code = await runCommand(command, argv, {
    program,
    env: {},
    clock: systemClock,
    signal: AbortSignal.abort(),
    print: assert.fail,
    complain: (text) => {
      told += text;
    },
  });
  assert.equal(code, 2);
  return told;
}

describe('the table', () => {
  it('tells how long, and lets no text of others steer the terminal', () => {
    const at = (milliseconds: number): string => new Date(now + milliseconds).toISOString();
    const text = statusTable(
      [
        {
          ingress: 'shop/a',
          secret: 'a',
          state: 'good',
          hosts: ['a.example.com'],
          notAfter: at(80 * 864e5),
          next: at(50 * 864e5),
        },
        {
          ingress: 'shop/b',
          secret: 'b',
          state: 'failed',
          hosts: [],
          next: at(90_000),
          reason: 'OrderFailed',
          message: '\u001B[2JNo.\u0007',
        },
      ],
      now,
    );
    assert.deepEqual(text.split('\n'), [
      'INGRESS  SECRET  STATE   VALID FOR  NEXT              HOSTS',
      'shop/a   a       good    80 days    renew in 50 days  a.example.com',
      'shop/b   b       failed             retry in 90 s',
      '    OrderFailed: [2JNo.',
    ]);
  });
});
