import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { runCommand } from '../../src/commands/run.ts';
import { systemClock } from '../../src/time/clock.ts';

const kubeconfig = {
  'current-context': 'here',
  contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
  clusters: [{ name: 'here', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'me', user: {} }],
};

describe('a command that is interrupted', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kube-lego-'));
    process.env['KUBECONFIG'] = join(directory, 'kubeconfig');
    await writeFile(process.env['KUBECONFIG'], JSON.stringify(kubeconfig));
  });
  after(() => rm(directory, { recursive: true }));

  for (const [command, argv, code, told] of [
    ['revoke', ['shop/web-tls', '--reason', 'superseded', '--yes'], 1, /requested goes on/],
    ['account', ['rollover', '--yes'], 1, /requested goes on/],
    ['account', [], 1, /^$/],
    ['explain', ['shop/web'], 1, /^$/],
    ['status', [], 1, /^$/],
    ['status', ['--watch'], 0, /^$/],
  ] as const) {
    it(`(${command} ${argv.join(' ')}) ends with code ${code}`, async () => {
      let errors = '';
      const ended = await runCommand(command, argv, {
        program: 'kube-lego',
        env: {},
        clock: systemClock,
        signal: AbortSignal.abort(),
        print: () => undefined,
        complain: (text) => {
          errors += text;
        },
      });
      assert.deepEqual([ended, told.test(errors)], [code, true], errors);
    });
  }
});
