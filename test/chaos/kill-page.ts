import type { Outcome } from './kill-judge.ts';
import { type Job, moments, nameOf, type Point, pointsOf, type Scenario, scenarios } from './kill-points.ts';
import type { Step } from './kill-steps.ts';

/** docs/kill-points.md: written by `npm run test:chaos -- kill --write`, read for the points, and for those that are still to be judged. */

/** What the page shows. */
export interface KillTable {
  /** As they were seen without a disturbance; of `first` and those of DNS-01 those that no other issuance has. */
  readonly steps: ReadonlyMap<Scenario, readonly Step[]>;
  /** What came of the jobs that have been judged, by `keyOf`. */
  readonly cells: ReadonlyMap<string, string>;
}

const titles: Readonly<Record<Scenario, string>> = {
  first: 'The first certificate of all',
  issuance: 'The certificate of another Ingress',
  renewal: 'The renewal of a certificate',
  wildcard: 'The certificate of a wildcard, proven by DNS-01',
  httpreq: 'The same in a zone of httpreq',
  'acme-dns': 'The same in a zone of acme-dns',
  'external-dns': 'The same in a zone of external-dns',
};

const sections = [false, true].flatMap((reusing) =>
  scenarios.map((scenario) => ({
    reusing,
    scenario,
    heading: `## ${titles[scenario]}${reusing ? ', at a CA that answers with the same order' : ''}: ${scenario}`,
  })),
);

const servers = ['API server', 'CA', 'name server', 'DNS service'] as const;

/** Requests that DNS-01 makes a difference to, although each issuance has them: values stand in the DNS meanwhile. */
const withValues: ReadonlySet<string> = new Set(['authorization', 'challenge', 'finalize', 'secret-write']);

/** Requests that the CA's habit makes a difference to. */
const ordering: ReadonlySet<string> = new Set(['entry', 'new-order', 'entry-url']);

const notJudged = '–';

const introduction = `# Where kube-lego is killed

<!-- Written by \`npm run test:chaos -- kill --write\`. -->

Every request that kube-lego makes for a certificate, in the order of an issuance that nobody disturbs. At each of them the process
that leads was killed (SIGKILL): \`before\` the request got to the server, when the server had done it and its answer was \`lost\`,
\`after\` the answer, and before it so that the request got there \`late\`, when the other replica led. Two replicas, a real API server,
a CA that counts. The cells: orders that the CA made for the set, and seconds from the Ingress to its certificate, 5 of which the Lease
takes. Judged by the API server and the CA's record: one certificate was issued and stored, the holder of its host recorded, the CA
looked for no proof in vain, nothing was left in the journal, in the challenge Ingress or in the DNS, and nobody else's object was
touched. What did not hold is in bold. A poll that the order at this point did not need is \`not made\`.

The CA of the first tables makes another order whenever it is asked: there are two where nobody but the dead process knew the first
one. A CA that answers with the same order, as Let's Encrypt does, makes one there, unless the request itself comes late.

With DNS-01 the value is written down (\`dns-value\`) before it is added at the name server (\`dns-add\`, an update by RFC 2136), and struck
out after its removal. What a dead process has left of an order that needs it no more is removed two minutes after the next one leads.
Look-ups in the DNS are no points: they change nothing, and each is repeated until it is answered. Of the other providers only the
requests are listed that RFC 2136 does not have: to the script behind httpreq, to acme-dns, which removes no value but keeps the two
newest of an account, so that none is missed here, and to the API server for external-dns, in whose place a program of the test stands.
`;

/** As the page shows it. */
export function pageOf(table: KillTable): string {
  const all = jobsOf(table.steps);
  const judged = all.filter((job) => table.cells.has(keyOf(job))).length;
  const tables = sections.flatMap(({ heading, reusing, scenario }) => {
    const points = all.filter((job) => job.reusing === reusing && job.point.scenario === scenario);
    return points.length === 0 ? [] : [`${heading}\n\n${sectionOf(table, points)}`];
  });
  const part =
    judged < all.length
      ? `\n${judged} of ${all.length} points have been judged, the others (${notJudged}) not yet.\n`
      : '';
  return `${introduction}${part}\n${tables.join('\n')}`;
}

/** What `pageOf` has written. */
export function tableOf(page: string): KillTable {
  const steps = new Map<Scenario, Step[]>();
  const cells = new Map<string, string>();
  let section: (typeof sections)[number] | undefined;
  for (const line of page.split('\n')) {
    section = sections.find(({ heading }) => heading === line) ?? section;
    const [, name, number, server, rest] =
      /^\| `([a-z-]+)\/(\d+)` \| (API server|CA|name server|DNS service) \|(.*)\|$/.exec(line) ?? [];
    if (section === undefined || name === undefined || rest === undefined) continue;
    const { reusing, scenario } = section;
    const texts = rest.split('|').map((text) => text.trim());
    if (!reusing) {
      const step: Step = {
        server: servers.find((known) => known === server) ?? 'API server',
        name,
        writes: texts[moments.indexOf('late')] !== '',
      };
      steps.set(scenario, [...(steps.get(scenario) ?? []), step]);
    }
    for (const [index, moment] of moments.entries()) {
      const text = texts[index] ?? '';
      const point = { scenario, step: name, occurrence: Number(number), moment };
      if (text !== '' && text !== notJudged) cells.set(keyOf({ point, reusing }), text);
    }
  }
  return { steps, cells };
}

/** All points, those of the first certificate and of DNS-01 only where they are not as those of any other issuance. */
export function jobsOf(steps: KillTable['steps']): Job[] {
  const namesOf = (scenario: Scenario): ReadonlySet<string> =>
    new Set(steps.get(scenario)?.map(({ name }) => name));
  const usual = namesOf('issuance');
  const ofDns01 = namesOf('wildcard');
  const isOwn = ({ scenario, step }: Point): boolean => {
    if (scenario === 'issuance' || scenario === 'renewal') return true;
    if (scenario === 'wildcard') return !usual.has(step) || withValues.has(step);
    return !usual.has(step) && (scenario === 'first' || !ofDns01.has(step));
  };
  return scenarios
    .flatMap((scenario) => pointsOf(scenario, steps.get(scenario) ?? []))
    .filter(isOwn)
    .flatMap(jobsAt);
}

/** Where the CA's habit makes no difference, one of them is enough. */
export function jobsAt(point: Point): Job[] {
  return (ordering.has(point.step) ? [false, true] : [false]).map((reusing) => ({ point, reusing }));
}

/** For `KillTable.cells`. */
export function keyOf({ point, reusing }: Job): string {
  return `${nameOf(point)}${reusing ? ' --reuse' : ''}`;
}

/** For `KillTable.cells`. */
export function cellOf({ faults, orders, reached, seconds }: Outcome): string {
  if (!reached) return 'not made';
  const what = `${orders}, ${seconds.toFixed(1)} s`;
  return faults.length === 0 ? what : `**${what}: ${faults.join('; ')}**`;
}

/** For a terminal. */
export function outcomeTable(title: string, outcomes: readonly Outcome[]): string {
  const lines = outcomes.map(({ point, reached, orders, issued, seconds, faults }) => {
    const cells = [
      nameOf(point).padEnd(36),
      reached ? orders : '-',
      reached ? issued : '-',
      seconds.toFixed(1).padStart(5),
    ];
    return `${cells.join('  ')}  ${reached ? faults.join('; ') : 'not made'}`.trimEnd();
  });
  return `\n${title}\n${'point'.padEnd(36)}  orders, issued, seconds until the certificate\n${lines.join('\n')}\n`;
}

function sectionOf({ steps, cells }: KillTable, jobs: readonly Job[]): string {
  const serverOf = new Map([...steps.values()].flat().map(({ name, server }) => [name, server]));
  const requests = Map.groupBy(jobs, ({ point: { step, occurrence } }) => `${step}/${occurrence}`);
  const rows = Array.from(requests, ([request, ofRequest]) => {
    const texts = moments.map((moment) => {
      const job = ofRequest.find(({ point }) => point.moment === moment);
      return job === undefined ? '' : (cells.get(keyOf(job)) ?? notJudged);
    });
    return row([`\`${request}\``, serverOf.get(ofRequest[0]?.point.step ?? '') ?? '', ...texts]);
  });
  const head = ['request', 'to', ...moments];
  return [row(head), row(head.map(() => '---')), ...rows, ''].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
