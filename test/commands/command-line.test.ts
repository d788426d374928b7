import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commands, helpOf } from '../../src/commands/command-help.ts';
import { readRequest } from '../../src/commands/command-line.ts';
import { statusTable } from '../../src/commands/status-table.ts';
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
    ['explain', ['shop/web', '--watch']],
    ['revoke', ['shop/web-tls']],
    ['revoke', ['web-tls', '--reason', 'superseded']],
    ['revoke', ['shop/web-tls', '--reason', 'cACompromise']],
    ['revoke', ['shop/web-tls', '--reason', 'superseded', '--serial', '12 34']],
    ['revoke', ['shop/web-tls', '--reason', '__proto__']],
    ['revoke', ['shop/web-tls', '--reason', 'superseded', '--dry-run', '--yes']],
    ['account', ['delete']],
    ['account', ['--yes']],
  ] as const) {
    it(`refuses ${command} ${argv.join(' ')}, and says where the help is`, () => {
      const request = readRequest(command, argv);
      assert.ok(request.kind === 'errors');
      assert.equal(request.errors.at(-1), `See kube-lego ${command} --help.`);
    });
  }
});

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
