import { once } from 'node:events';
import process from 'node:process';
import { pino } from 'pino';
import { createActor, fromPromise } from 'xstate';
import { OrderBudget } from '../../machines/authority/order-budget.ts';
import { type CheckOutput, ingressMachine } from '../../machines/ingress/ingress.ts';
import { type RateLimits } from '../../machines/ledger/rate-limits.ts';
import type { DesiredCertificate } from '../../machines/ownership/desired-certificate.ts';
import { parseSourceKey } from '../../machines/ownership/source-key.ts';
import { IngressActors } from '../../src/actors/ingress-actors.ts';
import { createSupervisorLogic } from '../../src/actors/supervisor-actor.ts';
import { HostJournal } from '../../src/inspector/history/host-journal.ts';
import { createInspector } from '../../src/inspector/inspector-endpoint.ts';
import { createInspectorServer } from '../../src/inspector/inspector-server.ts';
import { createLedger } from '../../src/ledger/ledger-keeper.ts';
import { systemClock } from '../../src/time/clock.ts';
import { SteadyClock } from '../../src/time/steady-clock.ts';
import { day, hour, ingressSpec, ownershipRead, supervisorPolicy } from '../machines/builders.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { changesPerSecond, fleet, type Word } from './inspected.ts';

// A program for the benchmark: the controller's supervisor, its Ingress actors and its inspector, without API server and CA. Every Secret is
// found to be good.

const rateLimits: RateLimits = {
  limits: {
    'orders-per-account': { burst: 300, period: 3 * hour },
    'certificates-per-registered-domain': { burst: 50, period: 7 * day },
    'certificates-per-exact-set': { burst: 5, period: 7 * day },
  },
  reserve: 0.2,
};
/** Recently ordered names, to fill the ledger. */
const ordered = 2000;
/** Changes come in bursts, as in practice. */
const bunchInterval = 100;

const started = Date.now();
const ledger = createLedger(rateLimits, 'https://ca.example/directory');
for (let number = 0; number < ordered; number += 1) {
  const order = {
    identifiers: [`ordered-${number}.example.org`],
    purpose: 'renewal',
    exemption: 'none',
  } as const;
  ledger.orderCreated(order, started);
  ledger.certificateIssued(order, started);
}
const budget = new OrderBudget(ledger);
const actors = new IngressActors(
  ingressMachine.provide({
    actors: {
      checkSecrets: fromPromise<CheckOutput, readonly DesiredCertificate[]>(({ input }) =>
        Promise.resolve({ at: Date.now(), results: input.map(good) }),
      ),
    },
  }),
);
const supervisor = createActor(
  createSupervisorLogic({
    policy: supervisorPolicy,
    budget,
    rounds: {
      admit: () => undefined,
      grantSlot: () => undefined,
      hold: () => undefined,
      pending: () => undefined,
    },
    actors,
    clock: new SteadyClock(systemClock),
    caClock: aheadOf(systemClock),
    onActorError: (key, error) => {
      throw new Error(`the actor of ${key} died`, { cause: error });
    },
  }),
  { id: 'supervisor' },
).start();
for (let number = 0; number < fleet; number += 1) {
  const name = `site-${String(number).padStart(5, '0')}`;
  const tls = [{ secretName: `${name}-tls`, hosts: [`${name}.example.com`] }];
  const ingress = ingressSpec({ namespace: `team-${number % 40}`, name, uid: `uid-${number}`, tls });
  supervisor.send({ type: 'SOURCE_OBSERVED', source: ingress });
}
supervisor.send({ type: 'LEDGER_READ' });
for (const event of ownershipRead) supervisor.send(event);
supervisor.send({ type: 'SYNCED' });

const inspection = createInspector({
  version: 'benchmark',
  annotation: 'kubernetes.io/tls-acme',
  stately: false,
  supervisor,
  actors,
  journal: new HostJournal(Date.now),
  ca: { ledger, budget, clock: aheadOf(systemClock) },
  backlog: () => undefined,
  lifetimes: [],
  secrets: { read: () => Promise.resolve(undefined) },
  clock: systemClock,
  log: pino({ level: 'error' }),
});
const server = createInspectorServer(() => inspection).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
process.send?.({ port: address !== null && typeof address === 'object' ? address.port : 0 } satisfies Word);

let timer: NodeJS.Timeout | undefined;
let turn = 0;
process.on('message', (word: Word) => {
  if (!('changes' in word)) return;
  clearInterval(timer);
  if (word.changes) timer = setInterval(change, bunchInterval);
});
process.on('disconnect', () => process.exit());

function change(): void {
  const keys = [...actors.keys()];
  for (let count = 0; count < (changesPerSecond * bunchInterval) / 1000; count += 1) {
    turn += 1;
    const key = keys[(turn * 971) % keys.length];
    if (key === undefined) continue;
    const { namespace, name } = parseSourceKey(key);
    supervisor.send({ type: 'SECRET_CHANGED', namespace, secretName: `${name}-tls` });
  }
}

function good({ secretName }: DesiredCertificate): CheckOutput['results'][number] {
  const spread = (Number(secretName.replace(/\D/g, '')) % 60) * day;
  const renewAt = started + day + spread;
  const assessment = { kind: 'good', notAfter: renewAt + 30 * day, renewAt, notices: [] } as const;
  return { kind: 'assessed', secretName, assessment };
}
