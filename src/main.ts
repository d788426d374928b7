#!/usr/bin/env node
import process from 'node:process';
import { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from './clock.ts';
import { type Config, readConfig } from './config.ts';
import { startController } from './controller.ts';
import { createLog } from './log.ts';

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
    await run(reading.config);
    break;
  default:
    reading satisfies never;
}

async function run(config: Config): Promise<void> {
  const log = createLog(config);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const controller = await startController({ config, kubeConfig, log, clock: systemClock });
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'kube-lego is stopping.');
    void controller.stop().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
