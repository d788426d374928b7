// STUB by the architect until worker C writes the real one
import { type Logger, pino } from 'pino';
export function createLog(_config: unknown): Logger {
  return pino();
}
