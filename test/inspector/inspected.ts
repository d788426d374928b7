import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { InspectionEvent } from 'xstate';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import type { ObservedIngress } from '../../src/actors/ingress-actors.ts';
import { HostJournal } from '../../src/inspector/history/host-journal.ts';
import { Inspector, type InspectorOptions } from '../../src/inspector/inspector.ts';
import { createInspectorServer } from '../../src/inspector/inspector-server.ts';
import type { SupervisorView } from '../../src/inspector/protocol.ts';
import { assignment, now } from '../machines/builders.ts';
import { start } from '../machines/ingress/ingress-run.ts';
import { ManualClock } from '../time/manual-clock.ts';

export const nothingToDo: SupervisorView = {
  synced: true,
  draining: false,
  queue: { waiting: 0, held: 0, admitted: 0, awaitingSlot: 0, lent: 0, ordering: 0 },
  permits: [],
  blocks: [],
  blockCount: 0,
  budgets: [],
  budgetCount: 0,
  renewals: [],
};

/** The Ingress `shop/web` at its first check, and an inspector of it that serves on a free port until the test ends. */
export async function inspected(t: TestContext, changes: Partial<InspectorOptions> = {}) {
  const run = await start(assignment(['web-tls']));
  const clock = new ManualClock(now);
  const actors = new Map<SourceKey, ObservedIngress>([['Ingress/shop/web', run.ingress]]);
  const errors: unknown[] = [];
  let observers = 0;
  const { system } = run.parent;
  const journal = new HostJournal(() => clock.now());
  const inspector = new Inspector({
    hostOwner: () => ({ by: 'anyone' }),
    actors,
    system: {
      inspect: (observer: (event: InspectionEvent) => void) => {
        const subscription = system.inspect(observer);
        observers += 1;
        return {
          unsubscribe: () => {
            observers -= 1;
            subscription.unsubscribe();
          },
        };
      },
    },
    clock,
    controller: { version: '1.2.3', pod: 'kube-lego-1', annotation: 'kubernetes.io/tls-acme' },
    supervisor: () => nothingToDo,
    journal,
    readCertificate: () => Promise.resolve(undefined),
    onError: (error) => errors.push(error),
    ...changes,
  });
  const server = createInspectorServer(() => inspector);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  t.after(async () => {
    inspector.stop();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return {
    run,
    clock,
    actors,
    errors,
    journal,
    inspector,
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    observers: () => observers,
  };
}
