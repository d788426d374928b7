import { type Limit, limitNames, type RateLimits } from '../../machines/ledger/rate-limits.ts';
import { day } from '../../machines/time/durations.ts';
import { isRecord } from '../process/json.ts';
import { parseDuration } from './go-duration.ts';
import { type Parser, ValueError } from './values.ts';

/** Differences from the preset of the CA; an undefined limit is lifted. */
interface RateLimitChanges {
  readonly limits: ReadonlyMap<string, Limit | undefined>;
  readonly reserve: number | undefined;
}

const example = '{"certificates-per-registered-domain": {"burst": 50, "period": "168h"}}';
const longestPeriod = 10 * 365 * day;

/** Parses LEGO_RATE_LIMITS: burst and period of each limit, or null to lift it; and `reserve`, a share from 0 to 1. */
export const rateLimits: Parser<RateLimitChanges> = (text) => {
  const document = parsed(text);
  const limits = new Map<string, Limit | undefined>();
  let reserve: number | undefined;
  for (const [name, value] of Object.entries(document)) {
    if (name === 'reserve') reserve = share(value);
    else if (limitNames.some((known) => known === name)) limits.set(name, limit(name, value));
    else
      throw new ValueError(
        `has no limit ${JSON.stringify(name)}: there are ${limitNames.join(', ')} and reserve`,
      );
  }
  return { limits, reserve };
};

/** The limits of a CA with these changes. */
export function changeRateLimits(preset: RateLimits, changes: RateLimitChanges | undefined): RateLimits {
  if (changes === undefined) return preset;
  const limits = Object.fromEntries(
    limitNames.flatMap((name) => {
      const limit = changes.limits.has(name) ? changes.limits.get(name) : preset.limits[name];
      return limit === undefined ? [] : [[name, limit] as const];
    }),
  );
  return { limits, reserve: changes.reserve ?? preset.reserve };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(text);
    if (isRecord(document)) return document;
  } catch {
    // Thrown below.
  }
  throw new ValueError(`must be a JSON object such as ${example}`);
}

function share(value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value < 1) return value;
  throw new ValueError('must have a reserve from 0 up to, but not including, 1, such as 0.2');
}

function limit(name: string, value: unknown): Limit | undefined {
  if (value === null) return undefined;
  const { burst, period } = isRecord(value) ? value : {};
  const milliseconds = typeof period === 'string' ? parseDuration(period) : undefined;
  if (
    typeof burst === 'number' &&
    Number.isSafeInteger(burst) &&
    burst >= 1 &&
    milliseconds !== undefined &&
    milliseconds >= 1000 &&
    milliseconds <= longestPeriod
  ) {
    return { burst, period: milliseconds };
  }
  throw new ValueError(
    `must give ${name} a burst, a whole number from 1, and a period such as "3h", as in ${example}; or null to lift it`,
  );
}
