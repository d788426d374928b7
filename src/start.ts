import process from 'node:process';
import { type ConfigReading, readConfig } from './config/config.ts';
import { createController } from './controller.ts';
import { loadKubeConfig } from './kubernetes/client/kube-config.ts';
import { createLog } from './process/log.ts';
import { systemClock } from './time/clock.ts';

/** The kubelet's, and that of a terminal. */
const stopSignals = ['SIGTERM', 'SIGINT'] as const;

/** Runs the controller until SIGTERM or SIGINT, configured by environment and flags; or answers `--help` and `--version`. */
export async function start(): Promise<void> {
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

async function run({ config, notices }: Extract<ConfigReading, { kind: 'config' }>): Promise<void> {
  const log = createLog(config);
  for (const { level, message } of notices) log[level](message);
  try {
    const controller = createController({
      config,
      access: loadKubeConfig(),
      log,
      clock: systemClock,
      onFailure: () => process.exit(1),
    });
    const stop = (signal: NodeJS.Signals): void => {
      for (const one of stopSignals) process.off(one, stop);
      log.info({ signal }, 'kube-lego is stopping; a second signal ends it at once.');
      void controller
        .stop()
        .catch((error: unknown) => log.error(error, 'kube-lego did not stop cleanly.'))
        .finally(() => process.exit(0));
    };
    for (const one of stopSignals) process.on(one, stop);
    await controller.start();
  } catch (error) {
    log.fatal(error, 'kube-lego cannot start.');
    // Exit even with open handles: the kubelet restarts only an ended process.
    process.exit(1);
  }
}
