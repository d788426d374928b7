import { hour, minute, second } from '../../machines/time/durations.ts';

const units: Readonly<Record<string, number>> = {
  h: hour,
  m: minute,
  s: second,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/**
 * Parses a Go duration, such as `8h`, `1m30s` or `1.5h` (time.ParseDuration), the form of kube-lego's variables since 2016.
 *
 * @returns milliseconds; undefined for anything else, such as a number without its unit
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|[hms]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit = ''] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) {
    total += Number(count) * (units[unit] ?? Number.NaN);
  }
  return total;
}

/** Shortest form: `8h`, `1m30s`, `500ms`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  if (milliseconds < second) return `${milliseconds}ms`;
  const hours = Math.floor(milliseconds / hour);
  const minutes = Math.floor(milliseconds / minute) % 60;
  const seconds = (milliseconds / second) % 60;
  return `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${seconds > 0 ? `${seconds}s` : ''}`;
}
