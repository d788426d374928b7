import { presetLimits } from '../../machines/authority/known-cas.ts';
import { lifetimeChanges } from './ca-profiles.ts';
import type { Outcome } from './run.ts';
import { type CaLimit, directoryUrl } from './simulated-ca.ts';
import { day, hour } from './time-units.ts';
import type { World } from './world.ts';

const lines: readonly { readonly limit: CaLimit; readonly words: string; readonly color: string }[] = [
  { limit: 'orders', words: 'new orders of the account', color: '#1d5fb4' },
  { limit: 'domain', words: 'certificates of the busiest registered domain', color: '#c2570c' },
  { limit: 'set', words: 'certificates of the busiest exact set', color: '#6b7280' },
];

/** The lowest level of each limit on each day, as the CA counts, in shares of the whole. */
export class LevelRecorder {
  start = 0;
  readonly levels = new Map<CaLimit, number[]>(lines.map(({ limit }) => [limit, []]));

  record({ ca, time }: World): void {
    this.start = time.now;
    const every = (pause: number, limit: CaLimit): void => {
      const byDay = this.levels.get(limit) ?? [];
      const index = Math.floor((time.now - this.start) / day);
      byDay[index] = Math.min(byDay[index] ?? 1, ca.lowest(limit));
      time.after(pause, () => every(pause, limit));
    };
    every(hour / 4, 'orders');
    // These come back over days, and there are many of them.
    for (const limit of ['domain', 'set'] as const) every(6 * hour, limit);
  }
}

const left = 56;
const legendAt = [0, 230, 560];
const width = 860;
const bars = { top: 72, height: 200 };
const levels = { top: 342, height: 150 };
/** Of each limit, what is kept for renewals and replacements. */
const { reserve } = presetLimits(directoryUrl);

/** Certificates issued each day, and under them what was left of the limits, as SVG. */
export function drawPlot({ issuedByDay, ingresses, seed, days }: Outcome, recorder: LevelRecorder): string {
  const counts = Array.from({ length: Math.ceil(days) }, (_, index) => issuedByDay[index] ?? 0);
  const most = niceCeiling(Math.max(...counts, 1));
  const x = (at: number): number => left + (at / days) * width;
  const keptTop = levels.top + levels.height * (1 - reserve);
  const parts = [
    text(
      left,
      24,
      `${thousands(sum(counts))} certificates in ${Math.round(days)} days, issued each day`,
      15,
      600,
    ),
    text(left + width, 24, `${thousands(ingresses)} Ingresses at the end`, 12, 400, 'end'),
    ...grid(bars, most, (value) => String(value)),
    area(counts, most, x),
    text(left, levels.top - 14, 'What the CA has left, at the lowest moment of each day', 13, 600),
    `<rect x="${left}" y="${fixed(keptTop)}" width="${width}" height="${fixed(levels.height * reserve)}" fill="#fdf0d5"/>`,
    text(left + width - 8, keptTop + 19, 'kept for renewals and replacements', 11, 400, 'end'),
    ...eras(counts, recorder.start, x),
    ...grid(levels, 100, (value) => `${value} %`),
    ...lines.toReversed().map(({ limit, color }) => line(recorder.levels.get(limit) ?? [], color, x)),
    ...months(recorder.start, days, x),
    ...lines.map(({ words, color }, index) => {
      const at = levels.top + levels.height + 50;
      const from = left + (legendAt[index] ?? 0);
      return `<rect x="${from}" y="${at - 8}" width="14" height="4" fill="${color}"/>${text(from + 20, at - 2, words, 12)}`;
    }),
  ];
  const size = { width: left + width + 24, height: levels.top + levels.height + 66 };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="Helvetica, Arial, sans-serif">
<title>Simulation two-years, seed ${seed}</title>
<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

interface Panel {
  readonly top: number;
  readonly height: number;
}

function grid({ top, height }: Panel, most: number, label: (value: number) => string): string[] {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const y = fixed(top + height * (1 - share));
    return [
      `<line x1="${left}" y1="${y}" x2="${left + width}" y2="${y}" stroke="#e2e8f0"/>`,
      text(left - 8, Number(y) + 4, label(most * share), 11, 400, 'end'),
    ];
  });
}

/** One shape for all days: bars of a pixel each would show the pattern of the pixels. */
function area(counts: readonly number[], most: number, x: (day: number) => number): string {
  const bottom = bars.top + bars.height;
  const steps = counts.map((count, index) => {
    const y = bottom - (count / most) * bars.height;
    return `V${fixed(y)}H${fixed(x(index + 1))}`;
  });
  return `<path d="M${left},${bottom}${steps.join('')}V${bottom}Z" fill="#2f855a"/>`;
}

function line(byDay: readonly number[], color: string, x: (day: number) => number): string {
  // Of the first week the world knows only what it was made with.
  const points = byDay.slice(7).map((level, index) => {
    return `${fixed(x(index + 7))},${fixed(levels.top + levels.height * (1 - level))}`;
  });
  return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="1.4"/>`;
}

/** From one change of the lifetime to the next: how long certificates live, and how many a day that makes. */
function eras(counts: readonly number[], start: number, x: (day: number) => number): string[] {
  const days = counts.length;
  const changes = [
    { at: 0, words: '90-day' },
    { at: Math.round((lifetimeChanges.to64Days - start) / day), words: '64-day' },
    { at: Math.round((lifetimeChanges.to45Days - start) / day), words: '45-day' },
  ];
  return changes.flatMap(({ at, words }, index) => {
    if (at >= days) return [];
    const during = counts.slice(at, changes[index + 1]?.at);
    const from = fixed(x(at));
    const bottom = levels.top + levels.height;
    const border = `<line x1="${from}" y1="${bars.top - 26}" x2="${from}" y2="${bottom}" stroke="#4a5568" stroke-dasharray="4 3"/>`;
    return [
      ...(at === 0 ? [] : [border]),
      text(Number(from) + 5, bars.top - 18, `${words} certificates`, 11),
      text(Number(from) + 5, bars.top - 5, `${Math.round(sum(during) / during.length)} a day`, 11, 600),
    ];
  });
}

function months(start: number, days: number, x: (day: number) => number): string[] {
  const parts: string[] = [];
  const first = new Date(start);
  for (let month = first.getUTCMonth() + 1; ; month += 1) {
    const at = Date.UTC(first.getUTCFullYear(), month, 1);
    const passed = (at - start) / day;
    if (passed > days) return parts;
    const date = new Date(at);
    if (days > 300 && date.getUTCMonth() % 3 !== 0) continue;
    const words = `${date.getUTCFullYear()}-${String(date.getUTCMonth() + 1).padStart(2, '0')}`;
    for (const { top, height } of [bars, levels]) {
      parts.push(text(x(passed), top + height + 16, words, 11, 400, 'middle'));
    }
  }
}

function text(x: number, y: number, words: string, size: number, weight = 400, anchor = 'start'): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="#1a202c">${words}</text>`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Four equal steps of round numbers. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value / 4));
  const step = [1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10].find((round) => 4 * round * power >= value) ?? 10;
  return 4 * step * power;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
