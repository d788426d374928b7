#!/usr/bin/env node
import process from 'node:process';
import { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from './clock.ts';
import { type Command, isCommand } from './commands/command-line.ts';
import { type ConfigReading, readConfig } from './config.ts';
import { type Controller, startController } from './controller.ts';
import { createLog } from './log.ts';

const [word, ...rest] = process.argv.slice(2);
if (isCommand(word)) process.exitCode = await look(word, rest);
else await start();

async function start(): Promise<void> {
  const reading = readConfig(process.env, process.argv.slice(2));
  switch (reading.kind) {
    case 'help':
    case 'version':
      process.stdout.write(`${reading.text}\n`);
      break;
    case 'errors':
      process.stderr.write(
        `kube-lego cannot start:\n${reading.errors.map((error) => `  ${error}\n`).join('')}`,
      );
      process.exitCode = 2;
      break;
    case 'config':
      await run(reading);
      break;
    default:
      reading satisfies never;
  }
}

/** `kube-lego status` and `kube-lego explain`, whose code no controller loads. */
async function look(command: Command, argv: readonly string[]): Promise<number> {
  const { runCommand } = await import('./commands/run.ts');
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  return runCommand(command, argv, {
    env: process.env,
    clock: systemClock,
    signal: interrupted.signal,
    print: (text) => process.stdout.write(`${text}\n`),
    complain: (text) => process.stderr.write(`${text}\n`),
  });
}

async function run({ config, notices }: Extract<ConfigReading, { kind: 'config' }>): Promise<void> {
  const log = createLog(config);
  for (const { level, message } of notices) log[level](message);
  let controller: Controller;
  try {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromDefault();
    controller = await startController({ config, kubeConfig, log, clock: systemClock });
  } catch (error) {
    log.fatal(error, 'kube-lego cannot start.');
    // Whatever may still be open, the kubelet starts a process anew only when it has ended.
    process.exit(1);
  }
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'kube-lego is stopping.');
    void controller.stop().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
