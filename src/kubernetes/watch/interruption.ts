import type { Logger } from 'pino';

/** @param plural of the objects that are watched: `Secrets` */
export function logInterruption(log: Logger, plural: string, error: unknown): void {
  log.warn(error, `The watch of ${plural} was interrupted; kube-lego reconnects.`);
}
