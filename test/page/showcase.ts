import { once } from 'node:events';
import type { Server } from 'node:http';
import { createActor } from 'xstate';
import type { PresentSecret } from '../../machines/assessment/secret-facts.ts';
import { OrderBudget } from '../../machines/authority/order-budget.ts';
import { IngressActors } from '../../src/actors/ingress-actors.ts';
import { Rounds } from '../../src/actors/rounds.ts';
import { createSupervisorLogic } from '../../src/actors/supervisor-actor.ts';
import { HostJournal } from '../../src/inspector/history/host-journal.ts';
import { HostProgressWriter } from '../../src/inspector/history/host-progress.ts';
import { Inspector } from '../../src/inspector/inspector.ts';
import { createInspectorServer } from '../../src/inspector/inspector-server.ts';
import { RenewalCalendar } from '../../src/inspector/views/renewal-calendar.ts';
import { storedCertificateOf } from '../../src/inspector/views/stored-certificate.ts';
import { supervisorView } from '../../src/inspector/views/supervisor-view.ts';
import { createLedger } from '../../src/ledger/ledger-keeper.ts';
import { SteadyClock } from '../../src/time/steady-clock.ts';
import { EventStream } from '../inspector/event-stream.ts';
import {
  certificateFacts,
  day,
  hour,
  ingressSpec,
  minute,
  ownershipRead,
  secretFacts,
  supervisorPolicy,
} from '../machines/builders.ts';
import { settled } from '../machines/issuance.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { directory, type Fate, type Plan, showcaseLogic } from './showcase-effects.ts';
import { namesOf } from './world.ts';

/** When the pictures are taken. */
const end = Date.UTC(2026, 10, 24, 14, 20);
const start = end - 9 * hour;
const idle = 2400;
/** Let's Encrypt's of 2026. */
const rateLimits = {
  limits: {
    'orders-per-account': { burst: 300, period: 3 * hour },
    'certificates-per-registered-domain': { burst: 50, period: 7 * day },
    'certificates-per-exact-set': { burst: 5, period: 7 * day },
    'authorization-failures': { burst: 5, period: hour },
  },
  reserve: 0.2,
};
/** What some of the Ingresses are in the midst of, by their place in the list. */
const fates: readonly (readonly [every: number, place: number, fate: Fate])[] = [
  [173, 2, 'self-check'],
  [401, 5, 'prove'],
  [67, 9, 'wrong-answer'],
  [307, 12, 'check'],
  [283, 15, 'store'],
];

/**
 * A busy cluster for the screenshots: the real supervisor, Ingress actors, ledger and inspector, to whom a day is played. Only what the API
 * server and the CA do is made up (showcase-effects.ts).
 */
export class Showcase implements AsyncDisposable {
  readonly #clock = new ManualClock(start);
  readonly #actors: IngressActors;
  readonly #plans = new Map<string, Plan>();
  readonly #ledger = createLedger(rateLimits, directory);
  readonly #budget = new OrderBudget(this.#ledger);
  readonly #journal = new HostJournal(() => this.#clock.now());
  readonly #rounds = new Rounds(
    (event) => this.#supervisor.send(event),
    (id) => this.#journal.end(id),
  );
  readonly #supervisor;
  readonly #inspector: Inspector;
  readonly #server: Server;

  private constructor() {
    const clock = this.#clock;
    const rounds = this.#rounds;
    this.#actors = new IngressActors(
      showcaseLogic({
        clock,
        rounds,
        progress: new HostProgressWriter(this.#journal),
        plans: this.#plans,
        report: (report) => {
          const change = this.#budget.report(report, clock.now());
          if (change !== undefined) this.#supervisor.send({ type: 'ROOM_CHANGED', change });
        },
      }),
    );
    this.#supervisor = createActor(
      createSupervisorLogic({
        policy: { ...supervisorPolicy, ownership: { ...supervisorPolicy.ownership, names: 'any' } },
        budget: this.#budget,
        rounds,
        actors: this.#actors,
        clock: new SteadyClock(clock),
        caClock: aheadOf(clock),
        onActorError: (key, error) => {
          throw new Error(`the actor of ${key} died`, { cause: error });
        },
      }),
      { id: 'supervisor' },
    ).start();
    const calendar = new RenewalCalendar(
      () => this.#actors.values().map((actor) => actor.getSnapshot().context),
      [],
    );
    this.#inspector = new Inspector({
      hostOwner: () => ({ by: 'holder', namespace: 'blog' }),
      actors: this.#actors,
      system: this.#supervisor.system,
      clock,
      controller: {
        version: '1.0.0-alpha.1',
        pod: 'kube-lego-7d9f4b6c5-x2kfp',
        annotation: 'kubernetes.io/tls-acme',
      },
      supervisor: () =>
        supervisorView({
          state: this.#supervisor.getSnapshot().context,
          ca: { ledger: this.#ledger, budget: this.#budget, clock: aheadOf(clock) },
          backlog: undefined,
          renewals: calendar.at(clock.now()),
        }),
      journal: this.#journal,
      readCertificate: (namespace, secretName) => {
        const facts = this.#plans.get(`${namespace}/${secretName}`)?.facts ?? { kind: 'absent' };
        return Promise.resolve(storedCertificateOf(facts));
      },
      onError: (error) => {
        throw new Error('the inspector failed', { cause: error });
      },
    });
    this.#server = createInspectorServer(() => this.#inspector);
  }

  static async start(): Promise<Showcase> {
    const showcase = new Showcase();
    showcase.#server.listen(0, '127.0.0.1');
    await once(showcase.#server, 'listening');
    await showcase.#play();
    return showcase;
  }

  get address(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
  }

  /** Lets time go by, in milliseconds. */
  async pass(time: number): Promise<void> {
    for (const until = this.#clock.now() + time; this.#clock.now() < until; ) {
      this.#clock.advance(Math.min(500, until - this.#clock.now()));
      await settled();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#inspector.stop();
    this.#supervisor.stop();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #play(): Promise<void> {
    this.#supervisor.send({ type: 'LEDGER_READ' });
    for (const event of ownershipRead) this.#supervisor.send(event);
    this.#supervisor.send({ type: 'SYNCED' });
    const keys = namesOf(idle).filter((key) => key !== 'media/admin' && key !== 'shop/storefront');
    const fateOf = (place: number): Fate | undefined =>
      fates.find(([every, first]) => place % every === first)?.[2];
    const places = new Map(keys.toSorted().map((key, place) => [key, place]));
    for (const [index, key] of keys.entries()) {
      if (fateOf(places.get(key) ?? 0) !== undefined) continue;
      this.#observe(key, { [nameOf(key)]: { facts: good(index) } });
      if (index % 20 === 0) await this.pass((8 * hour * 20) / idle);
    }
    // Days of work before this one.
    this.#spend('shop.example', 31);
    this.#spend('partners.example', 50);
    this.#spend('blog.example', 6);
    for (let failures = 0; failures < 3; failures += 1) {
      this.#ledger.authorizationFailed('login.partners.example', end - 20 * minute);
    }
    const paused = ['old.partners.example'];
    const order = { identifiers: paused, purpose: 'first', exemption: 'none' } as const;
    const scope = { type: 'identifiers', names: paused } as const;
    this.#ledger.learn({ cause: 'paused', scope, retryAfter: undefined }, order, end - 3 * hour);

    const watching = await EventStream.open(`${this.address}/events`);
    this.#observe('media/admin', {
      admin: { facts: { kind: 'absent' }, fate: 'wrong-answer' },
      backstage: { facts: good(7, windowAround(end + 33 * day)) },
    });
    const renewal = good(0, windowAround(end - 14_000), end - 69 * day);
    this.#observe('shop/storefront', { storefront: { facts: renewal, fate: 'prove' } }, [
      'shop.example',
      'www.shop.example',
      'm.shop.example',
    ]);
    for (const [index, key] of keys.entries()) {
      if (fateOf(places.get(key) ?? 0) !== 'wrong-answer') continue;
      this.#observe(key, { [nameOf(key)]: { facts: { kind: 'absent' }, fate: 'wrong-answer' } });
      if (index % 3 === 0) await this.pass(40_000);
    }
    await this.pass(end - 40_000 - this.#clock.now());
    for (const [index, key] of keys.entries()) {
      const fate = fateOf(places.get(key) ?? 0);
      if (fate === undefined || fate === 'wrong-answer') continue;
      this.#observe(key, { [nameOf(key)]: { facts: good(index, undefined, end - 70 * day), fate } });
      await this.pass(700);
    }
    for (const name of ['crm', 'invoices', 'portal']) {
      this.#observe(`partners/${name}`, { [name]: { facts: { kind: 'absent' } } });
    }
    await this.pass(end - this.#clock.now());
    watching.close();
  }

  /** An Ingress with these Secrets, each with the host of its name. */
  #observe(key: string, secrets: Readonly<Record<string, Plan>>, hosts?: readonly string[]): void {
    const [namespace = '', name = ''] = key.split('/');
    const tls = Object.entries(secrets).map(([secret, plan]) => {
      const names = hosts ?? [`${secret}.${namespace}.example`];
      const { facts } = plan;
      const own = facts.kind === 'present' && facts.certificate.kind === 'readable';
      const named = own ? { ...facts, certificate: { ...facts.certificate, dnsNames: names } } : facts;
      this.#plans.set(`${namespace}/${secret}-tls`, { ...plan, facts: named });
      return { secretName: `${secret}-tls`, hosts: [...names] };
    });
    const ingress = ingressSpec({ namespace, name, uid: `uid-of-${key}-1`, tls });
    this.#supervisor.send({ type: 'SOURCE_OBSERVED', source: ingress });
  }

  #spend(domain: string, certificates: number): void {
    for (let number = 0; number < certificates; number += 1) {
      const identifiers = [`${number}.${domain}`];
      const order = { identifiers, purpose: 'renewal', exemption: 'none' } as const;
      const at = this.#clock.now() - 10 * minute;
      this.#ledger.orderCreated(order, at);
      this.#ledger.certificateIssued(order, at);
    }
  }
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

/** A certificate that was issued lately, on one day or another. */
function good(
  index: number,
  window?: PresentSecret['window'],
  notBefore = end - Math.floor((((index * 7919) % 10_007) / 10_007) ** 2 * 58 * day) - hour,
): PresentSecret {
  return secretFacts({
    directory,
    ...(window && { window }),
    certificate: certificateFacts({
      notBefore,
      notAfter: notBefore + 90 * day,
      issuer: "CN=R11, O=Let's Encrypt, C=US",
      id: `id-of-${index}`,
    }),
  });
}

function windowAround(at: number): NonNullable<PresentSecret['window']> {
  return { start: at - 20 * hour, end: at + 28 * hour, at };
}
