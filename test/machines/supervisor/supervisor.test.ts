import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OrderBudget } from '../../../machines/authority/order-budget.ts';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import { Ledger } from '../../../machines/ledger/ledger.ts';
import type { OwnershipPolicy } from '../../../machines/ownership/ownership.ts';
import type { SourceHistory } from '../../../machines/ownership/secret-claims.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import type { Round } from '../../../machines/supervisor/round.ts';
import { decide, initialSupervisorState } from '../../../machines/supervisor/supervisor.ts';
import type { SupervisorCommand, SupervisorEvent } from '../../../machines/supervisor/supervisor-messages.ts';
import {
  day,
  hour,
  ingressSpec,
  minute,
  now,
  orderBudget,
  ownershipRead,
  supervisorPolicy,
} from '../builders.ts';

/** A supervisor and what it commands, in a few words each: `START Ingress/shop/web`, `SET_TIMER +60000`. */
class Supervision {
  readonly #state: ReturnType<typeof initialSupervisorState>;
  time = now;
  /** Milliseconds that the CA's clock is ahead. */
  skew = 0;
  readonly budget: OrderBudget;

  constructor(
    budget = orderBudget(),
    read = ownershipRead,
    ownership: Partial<OwnershipPolicy> = {},
    history?: (source: SourceSpec) => SourceHistory,
  ) {
    this.budget = budget;
    const policy = { ...supervisorPolicy, ownership: { ...supervisorPolicy.ownership, ...ownership } };
    this.#state = initialSupervisorState(policy, budget, history);
    this.tell(...read);
  }

  tell(...events: SupervisorEvent[]): string[] {
    return this.commands(...events).map((command) => this.#words(command));
  }

  tellAt(time: number, ...events: SupervisorEvent[]): string[] {
    this.time = time;
    return this.tell(...events);
  }

  commands(...events: SupervisorEvent[]): SupervisorCommand[] {
    return events.flatMap((event) => [
      ...decide(this.#state, event, this.time, this.time + this.skew).commands,
    ]);
  }

  #words(command: SupervisorCommand): string {
    if (command.type === 'SET_TIMER') {
      return `SET_TIMER ${command.at === undefined ? 'off' : `+${command.at - now}`}`;
    }
    if (command.type === 'LIFT_PAUSES') return `LIFT_PAUSES ${command.hosts.join()}`;
    if (command.type === 'IMPORT_COMPLETE') return command.type;
    if (command.type === 'DOMAINS_TAKEN') {
      return `DOMAINS_TAKEN ${command.namespace} ${command.domains.join()}`;
    }
    if (command.type === 'TELL_SOURCE') return `TELL_SOURCE ${command.source.name} ${command.finding.code}`;
    if (command.type === 'TELL_ROUND')
      return `TELL_ROUND ${command.id} ${command.finding?.message ?? 'over'}`;
    return `${command.type} ${'key' in command ? command.key : command.id}`;
  }
}

function observed(changes: Partial<SourceSpec> = {}): SupervisorEvent {
  return { type: 'SOURCE_OBSERVED', source: ingressSpec(changes) };
}

const synced: SupervisorEvent = { type: 'SYNCED' };

/** A round that starts, and the next turn of the event loop. */
function begun(round: Round): SupervisorEvent[] {
  return [{ type: 'ROUND_STARTED', round }, { type: 'TIMER' }];
}

const key = 'Ingress/shop/web';

function running(...ingresses: SupervisorEvent[]): Supervision {
  const supervision = new Supervision();
  supervision.tell(...(ingresses.length === 0 ? [observed()] : ingresses), synced, { type: 'LEDGER_READ' });
  return supervision;
}

describe('ownership', () => {
  const noRecord = { type: 'HOLDERS_READ', holders: new Map(), recordExisted: false } as const;
  const namespacesRead = { type: 'NAMESPACES_READ' } as const;
  const classesRead = { type: 'CLASSES_READ' } as const;
  const checked = (name: string) =>
    ({ type: 'WAKE_AT', key: `Ingress/shop/${name}`, at: undefined }) as const;

  for (const hours of [-5, 5]) {
    it(`wakes an Ingress as long after as it has asked for, though the clock was set by ${hours} h`, () => {
      const supervision = new Supervision();
      supervision.tell(synced, observed());
      supervision.tell({ type: 'WAKE_AT', key: 'Ingress/shop/web', at: now + minute });
      const by = hours * hour;
      const commands = supervision.tellAt(now + by, { type: 'CLOCK_SET', by });
      assert.deepEqual(commands, ['MOVE_TIMES Ingress/shop/web', `SET_TIMER +${minute + by}`]);
      assert.ok(
        !supervision.tellAt(now + by + minute - 1, { type: 'TIMER' }).includes('WAKE Ingress/shop/web'),
      );
      assert.ok(supervision.tellAt(now + by + minute, { type: 'TIMER' }).includes('WAKE Ingress/shop/web'));
    });
  }

  it('is decided when sources, holders, Namespaces and classes have been read, in any order', () => {
    const events = [synced, noRecord, namespacesRead, classesRead];
    for (const last of events) {
      const supervision = new Supervision(orderBudget(), []);
      const others = events.filter((event) => event !== last);
      assert.deepEqual(supervision.tell(observed(), ...others), []);
      assert.deepEqual(supervision.tell(last), [`START ${key}`]);
    }
  });

  it('has certificates imported until each Ingress that stood there was checked, if there is no record', () => {
    const supervision = new Supervision(orderBudget(), [noRecord, namespacesRead, classesRead]);
    const names = ['one', 'two', 'three', 'four'];
    supervision.tell(...names.map((name) => observed({ name })), synced);
    assert.deepEqual(supervision.tell(observed({ name: 'young' })), ['START Ingress/shop/young']);
    assert.deepEqual(supervision.tell(checked('one'), checked('one')), []);
    supervision.tell({ type: 'SOURCE_GONE', key: 'Ingress/shop/two' });
    supervision.tell({ type: 'ACTOR_FAILED', key: 'Ingress/shop/three' });
    assert.deepEqual(supervision.tell(checked('four')), ['IMPORT_COMPLETE']);
    assert.deepEqual(supervision.tell(checked('young'), checked('four')), []);
  });

  it('has nothing imported if there is a record, and is done at once if there is no Ingress', () => {
    assert.deepEqual(running().tell(checked('web')), []);
    const supervision = new Supervision(orderBudget(), [noRecord, namespacesRead, classesRead]);
    assert.deepEqual(supervision.tell(synced), ['IMPORT_COMPLETE']);
  });
});

describe('a check that is repeated before an order', () => {
  const names = Array.from({ length: 80 }, (_, index) => `web-${index}`);
  const keyOf = (name: string) => `Ingress/shop/${name}` as const;
  const recheck = (name: string) =>
    ({ type: 'WAKE_AT', key: keyOf(name), at: now + hour, recheckAt: now + minute }) as const;
  const woken = (commands: readonly string[]) => commands.filter((command) => command.startsWith('WAKE'));
  const start = () =>
    running(
      ...names.map((name) => observed({ name, tls: [{ secretName: name, hosts: [`${name}.example.com`] }] })),
    );

  it('is woken for at a pace, some together', () => {
    const supervision = start();
    supervision.tell(...names.map(recheck));
    const timer = { type: 'TIMER' } as const;
    assert.equal(woken(supervision.tellAt(now + minute, timer)).length, 50);
    assert.equal(woken(supervision.tellAt(now + minute + 1000, timer)).length, 0);
    assert.equal(woken(supervision.tellAt(now + minute + 10_000, timer)).length, 30);
  });

  it('waits for those that run, and is forgotten with its Ingress', () => {
    const supervision = start();
    supervision.tell(...names.map(recheck));
    const rounds = names.slice(0, 50).map((name) => ({
      id: name,
      namespace: 'shop',
      hosts: [`${name}.example.com`],
      harmAt: now,
      purpose: 'first' as const,
      exemption: 'none' as const,
      repeats: true,
    }));
    supervision.tell(...rounds.map((round) => ({ type: 'ROUND_STARTED', round }) as const));
    // Some are admitted in each turn.
    for (let turn = 1; turn < 10; turn += 1) supervision.tellAt(now + turn, { type: 'TIMER' });
    assert.equal(woken(supervision.tellAt(now + minute, { type: 'TIMER' })).length, 0);
    supervision.tell(...rounds.slice(0, 30).map(({ id }) => ({ type: 'ROUND_ENDED', id }) as const));
    supervision.tell(
      ...names.slice(0, 70).map((name) => ({ type: 'SOURCE_GONE', key: keyOf(name) }) as const),
    );
    assert.equal(woken(supervision.tellAt(now + minute + 10_000, { type: 'TIMER' })).length, 10);
  });
});

describe('an Ingress that shares a Secret', () => {
  it('is told when its outcome changes, and not else', () => {
    const shared = { tls: [{ secretName: 'web-tls', hosts: ['b.example.com'] }], createdAt: now - 1 };
    const failure = { code: 'SelfCheckFailed', message: 'It is dead.', namesRemedy: true } as const;
    const start = (history?: () => SourceHistory) => {
      const supervision = new Supervision(undefined, undefined, undefined, history);
      supervision.tell(observed(), observed({ ...shared, name: 'young' }), synced);
      return supervision;
    };
    const told = (supervision: Supervision, outcome: typeof failure | undefined) =>
      supervision
        .tell({
          type: 'WAKE_AT',
          key,
          at: now + hour,
          outcomes: [{ secretName: 'web-tls', failure: outcome }],
        })
        .filter((command) => command.startsWith('ASSIGN'));
    const supervision = start();
    assert.deepEqual(told(supervision, failure), ['ASSIGN Ingress/shop/young']);
    assert.deepEqual(told(supervision, failure), []);
    assert.deepEqual(told(supervision, undefined), ['ASSIGN Ingress/shop/young']);
    const outcomes = new Map([['web-tls', failure]]);
    const restarted = start(() => ({ outcomes, notices: [] }));
    assert.deepEqual(told(restarted, failure), [], 'it was told before the restart');
    assert.deepEqual(told(restarted, undefined), ['ASSIGN Ingress/shop/young']);
  });
});

describe('a host that changes hands', () => {
  const holder = { namespace: 'held', notBefore: now - day, notAfter: now + day, certificate: 'c' };
  const proved: SupervisorEvent = { type: 'HOSTS_PROVED', hosts: ['web.example.com'], holder };
  const held = 'Ingress/held/web' as const;

  it('is given to its holder, and taken from who claimed it', () => {
    const supervision = running(observed(), observed({ namespace: 'held', createdAt: now }));
    assert.deepEqual(supervision.tell(proved).toSorted(), [`ASSIGN ${held}`, `ASSIGN ${key}`]);
    assert.deepEqual(supervision.tell(proved), []);
    const pruned = supervision.tell({ type: 'HOLDERS_PRUNED', hosts: ['web.example.com'] });
    assert.deepEqual(pruned.toSorted(), [`ASSIGN ${held}`, `ASSIGN ${key}`]);
  });

  it('passes on by the one timer when the grace period ends', () => {
    const supervision = running(observed(), observed({ namespace: 'held' }));
    supervision.tell(proved);
    const told = supervision.tell({ type: 'SOURCE_GONE', key: held });
    assert.deepEqual(told, [`STOP ${held}`, `ASSIGN ${key}`, `SET_TIMER +${5 * minute}`]);
    supervision.time += 5 * minute;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), [`ASSIGN ${key}`]);
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), []);
  });

  it('is claimed by an Ingress without our annotation, which has no actor', () => {
    const supervision = running();
    const plain = { namespace: 'plain', enabled: false, tls: [], ruleHosts: ['web.example.com'] };
    assert.deepEqual(supervision.tell(observed(plain)), [`ASSIGN ${key}`]);
    assert.deepEqual(supervision.tell(observed({ ...plain, ruleHosts: [] })), [`ASSIGN ${key}`]);
  });

  it('is taken by a Namespace that reserves it, and a younger one that does is told', () => {
    const supervision = running();
    const reserve = (name: string, age: number): SupervisorEvent => ({
      type: 'NAMESPACE_OBSERVED',
      namespace: { name, createdAt: now - age, domains: ['*.example.com'] },
    });
    assert.deepEqual(supervision.tell(reserve('old', 2)), [`ASSIGN ${key}`]);
    assert.deepEqual(supervision.tell(reserve('young', 1)), ['DOMAINS_TAKEN young *.example.com']);
    assert.deepEqual(supervision.tell(reserve('young', 1)), []);
    assert.deepEqual(supervision.tell({ type: 'NAMESPACE_GONE', name: 'old' }), []);
    assert.deepEqual(supervision.tell({ type: 'NAMESPACE_GONE', name: 'young' }), [`ASSIGN ${key}`]);
  });
});

describe('our own status on an Ingress', () => {
  it('changes nothing, but is what an actor that starts again goes on from', () => {
    const supervision = running(observed());
    assert.deepEqual(supervision.tell(observed({ status: '{}' }), observed({ status: '{"version":1}' })), []);
    supervision.tell({ type: 'ACTOR_FAILED', key });
    supervision.time = now + minute;
    const [start] = supervision.commands({ type: 'TIMER' });
    assert.ok(start?.type === 'START');
    assert.equal(start.source.status, '{"version":1}');
  });

  it('does not hide a change that comes with it', () => {
    const supervision = running(observed());
    const tls = [{ secretName: 'web-tls', hosts: ['other.example.com'] }];
    assert.deepEqual(supervision.tell(observed({ status: '{}', tls })), ['ASSIGN Ingress/shop/web']);
  });
});

describe('an Ingress actor is started', () => {
  it('when all Ingresses have been seen once, not before: the oldest may come last', () => {
    const supervision = new Supervision();
    const young = observed({ name: 'young', createdAt: now });
    const old = observed({ name: 'old', createdAt: now - day });
    assert.deepEqual(supervision.tell(young, old), []);
    const commands = supervision.commands(synced);
    assert.deepEqual(
      commands.map((command) =>
        command.type === 'START'
          ? [command.key, command.assignment.desired.map(({ secretName }) => secretName)]
          : command,
      ),
      [
        ['Ingress/shop/young', []],
        ['Ingress/shop/old', ['web-tls']],
      ],
    );
  });

  it('at once afterwards', () => {
    assert.deepEqual(running().tell(observed({ name: 'new', createdAt: now })), ['START Ingress/shop/new']);
  });

  it('once, however often the same is seen', () => {
    const supervision = running();
    assert.deepEqual(supervision.tell(observed(), observed(), synced), []);
  });

  it('not for an Ingress without the annotation', () => {
    assert.deepEqual(running().tell(observed({ name: 'other', enabled: false })), []);
  });

  it('not for an Ingress of a class that is left to another kube-lego, until its class changes', () => {
    const supervision = new Supervision(orderBudget(), ownershipRead, { supportedClasses: ['nginx'] });
    const ofClass = (name: string) => observed({ ingressClass: { form: 'field', name } });
    assert.deepEqual(supervision.tell(ofClass('traefik'), synced, { type: 'LEDGER_READ' }), []);
    assert.deepEqual(supervision.tell(ofClass('nginx')), [`START ${key}`]);
    assert.deepEqual(supervision.tell(ofClass('traefik')), [`STOP ${key}`]);
    assert.deepEqual(supervision.tell(observed({ ingressClass: { form: 'none' } })), []);
  });

  it('when the annotation is put on', () => {
    const supervision = running(observed({ enabled: false }));
    assert.deepEqual(supervision.tell(observed()), [`START ${key}`]);
  });
});

describe('an Ingress actor is stopped', () => {
  it('when its Ingress is deleted', () => {
    const supervision = running();
    assert.deepEqual(supervision.tell({ type: 'SOURCE_GONE', key }), [`STOP ${key}`]);
    assert.deepEqual(supervision.tell({ type: 'SOURCE_GONE', key }), []);
  });

  it('when the annotation is taken away', () => {
    assert.deepEqual(running().tell(observed({ enabled: false })), [`STOP ${key}`]);
  });

  it('and started anew when its Ingress was deleted and made again under the same name', () => {
    const commands = running().commands(observed({ uid: 'another' }));
    assert.deepEqual(
      commands.map((command) => (command.type === 'START' ? command.source.uid : command.type)),
      ['STOP', 'another'],
    );
  });

  it('together with its wake time', () => {
    const supervision = running();
    assert.deepEqual(supervision.tell({ type: 'WAKE_AT', key, at: now + hour }), [`SET_TIMER +${hour}`]);
    assert.deepEqual(supervision.tell({ type: 'SOURCE_GONE', key }), [`STOP ${key}`, 'SET_TIMER off']);
  });
});

describe('an Ingress actor is given a new assignment', () => {
  it('when its hosts change', () => {
    const changed = observed({ tls: [{ secretName: 'web-tls', hosts: ['new.example.com'] }] });
    assert.deepEqual(running().tell(changed), [`ASSIGN ${key}`]);
  });

  it('when the retry annotation changes', () => {
    assert.deepEqual(running().tell(observed({ retry: '1' })), [`ASSIGN ${key}`]);
  });

  it('not for what changes nothing that it does', () => {
    assert.deepEqual(running().tell(observed({ ruleHosts: ['web.example.com'] })), []);
  });

  it('when the oldest Ingress of its Secret goes and it becomes the owner', () => {
    const supervision = running(observed({ name: 'old', createdAt: now - 2 * day }), observed());
    const commands = supervision.commands({ type: 'SOURCE_GONE', key: 'Ingress/shop/old' });
    assert.deepEqual(
      commands.map((command) =>
        command.type === 'ASSIGN' ? [command.key, command.assignment.desired.length] : command.type,
      ),
      ['STOP', [key, 1]],
    );
  });

  it('when an older Ingress comes and takes the Secret, and again when that one loses its annotation', () => {
    const supervision = running();
    const old = { name: 'old', createdAt: now - 2 * day };
    assert.deepEqual(supervision.tell(observed(old)).toSorted(), [`ASSIGN ${key}`, 'START Ingress/shop/old']);
    assert.deepEqual(supervision.tell(observed({ ...old, enabled: false })), [
      'STOP Ingress/shop/old',
      `ASSIGN ${key}`,
    ]);
  });

  it('when another namespace gives up its host', () => {
    const elder = { namespace: 'elder', createdAt: now - 2 * day };
    const supervision = running(observed(elder), observed());
    assert.deepEqual(supervision.tell({ type: 'SOURCE_GONE', key: 'Ingress/elder/web' }), [
      'STOP Ingress/elder/web',
      `ASSIGN ${key}`,
    ]);
  });
});

describe('3000 Ingresses that share a host and a Secret', () => {
  // With work that grows with the square of their number for each of them this would not end.
  const many = Array.from({ length: 3000 }, (_, index) => ({ name: `web-${index}`, createdAt: now + index }));

  it('are judged, and judged again when one of them changes', () => {
    const supervision = new Supervision();
    supervision.tell(...many.map(observed));
    const starts = supervision.commands(synced, ...many.map(() => ({ type: 'TIMER' }) as const));
    for (const command of starts) {
      if (command.type !== 'START') continue;
      const checked = { type: 'WAKE_AT', key: command.key, at: undefined } as const;
      starts.push(...supervision.commands(checked, { type: 'TIMER' }));
    }
    assert.equal(starts.filter(({ type }) => type === 'START').length, many.length);
    for (const ingress of many.slice(1, 100)) {
      const ruleHosts = ['plain.example.com'];
      assert.deepEqual(supervision.tell(observed({ ...ingress, ruleHosts })), [
        `ASSIGN Ingress/shop/${ingress.name}`,
      ]);
    }
    const commands = supervision.commands({ type: 'SOURCE_GONE', key: 'Ingress/shop/web-0' });
    const owners = commands.flatMap((command) =>
      command.type === 'ASSIGN' && command.assignment.desired.length > 0 ? [command.key] : [],
    );
    assert.deepEqual(owners, ['Ingress/shop/web-1']);
  });
});

describe('the Ingresses that stand at the start', () => {
  const startsOf = (turn: readonly string[]) => turn.filter((words) => words.startsWith('START '));
  const checked = (name: string) =>
    ({ type: 'WAKE_AT', key: `Ingress/shop/${name}`, at: undefined }) as const;

  it('are not decided about and started all in one turn, and each is once', () => {
    const noRecord = { type: 'HOLDERS_READ', holders: new Map(), recordExisted: false } as const;
    const supervision = new Supervision(orderBudget(), [
      noRecord,
      { type: 'NAMESPACES_READ' },
      { type: 'CLASSES_READ' },
    ]);
    const names = Array.from({ length: 900 }, (_, index) => `web-${index}`);
    supervision.tell(...names.map((name) => observed({ name })));
    const turns = [supervision.tell(synced)];
    assert.deepEqual(turns, [['SET_TIMER +0']]);
    while (turns.flatMap(startsOf).length === 0) turns.push(supervision.tell({ type: 'TIMER' }));
    turns.push(supervision.tell(observed({ name: 'web-800', retry: 'new' })));
    assert.deepEqual(supervision.tell(checked('web-800')), []);
    do turns.push(supervision.tell({ type: 'TIMER' }));
    while (turns.at(-1)?.includes('SET_TIMER +0') === true);
    for (const turn of turns) assert.ok(turn.length <= 101, `${turn.length} commands in a turn`);
    const started = turns.flatMap(startsOf);
    assert.deepEqual(started.toSorted(), names.map((name) => `START Ingress/shop/${name}`).toSorted());
    const others = names.filter((name) => name !== 'web-800');
    assert.deepEqual(
      supervision.tell(...others.map(checked)),
      ['IMPORT_COMPLETE'],
      'web-800 was checked meanwhile',
    );
  });

  /** Ingresses that have nothing in common. */
  function apart(count: number) {
    const names = Array.from({ length: count }, (_, index) => `web-${index}`);
    const events = names.map((name) =>
      observed({ name, tls: [{ secretName: name, hosts: [`${name}.example.com`] }] }),
    );
    return { names, events };
  }

  /** All that is started without another check. */
  function settled(supervision: Supervision, first: readonly string[]): string[] {
    const turns = [first];
    while (turns.at(-1)?.includes('SET_TIMER +0') === true) turns.push(supervision.tell({ type: 'TIMER' }));
    return turns.flatMap(startsOf);
  }

  it('are started as those before them have been checked, or are gone: a thousand at most are in their first check', () => {
    const supervision = new Supervision();
    const { names, events } = apart(1500);
    supervision.tell(...events);
    const first = settled(supervision, supervision.tell(synced));
    assert.equal(first.length, 1000);
    const gone = { type: 'SOURCE_GONE', key: 'Ingress/shop/web-0' } as const;
    const died = { type: 'ACTOR_FAILED', key: 'Ingress/shop/web-1' } as const;
    const some = names.slice(2, 150).map(checked);
    const second = settled(supervision, supervision.tell(gone, died, ...some));
    assert.equal(second.length, 100, 'as many together as in each turn');
    const last = settled(supervision, supervision.tell(...names.slice(150, 900).map(checked)));
    assert.deepEqual(
      [...first, ...second, ...last],
      names.map((name) => `START Ingress/shop/${name}`),
    );
  });

  it('are started before their turn when something happens to them', () => {
    const supervision = new Supervision();
    supervision.tell(...apart(1100).events);
    settled(supervision, supervision.tell(synced));
    for (const name of ['web-1099', 'new']) {
      const tls = [{ secretName: `other-${name}`, hosts: [`${name}.example.org`] }];
      assert.deepEqual(startsOf(supervision.tell(observed({ name, tls }))), [`START Ingress/shop/${name}`]);
    }
  });
});

describe('the one timer', () => {
  it('is set to the earliest wake time, and only when that changes', () => {
    const supervision = running(observed(), observed({ name: 'other' }));
    assert.deepEqual(supervision.tell({ type: 'WAKE_AT', key, at: now + hour }), [`SET_TIMER +${hour}`]);
    assert.deepEqual(
      supervision.tell({ type: 'WAKE_AT', key: 'Ingress/shop/other', at: now + 2 * hour }),
      [],
    );
    assert.deepEqual(supervision.tell({ type: 'WAKE_AT', key, at: now + 3 * hour }), [
      `SET_TIMER +${2 * hour}`,
    ]);
    assert.deepEqual(supervision.tell({ type: 'WAKE_AT', key: 'Ingress/shop/other', at: undefined }), [
      `SET_TIMER +${3 * hour}`,
    ]);
    assert.deepEqual(supervision.tell({ type: 'WAKE_AT', key, at: undefined }), ['SET_TIMER off']);
  });

  it('wakes all whose time has come, and is set to the next', () => {
    const supervision = running(observed(), observed({ name: 'b' }), observed({ name: 'c' }));
    supervision.tell(
      { type: 'WAKE_AT', key: 'Ingress/shop/b', at: now + 2 },
      { type: 'WAKE_AT', key, at: now + 1 },
      { type: 'WAKE_AT', key: 'Ingress/shop/c', at: now + hour },
    );
    supervision.time = now + 10;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), [
      `WAKE ${key}`,
      'WAKE Ingress/shop/b',
      `SET_TIMER +${hour}`,
    ]);
  });

  it('is set again when it fires before its time', () => {
    const supervision = running();
    supervision.tell({ type: 'WAKE_AT', key, at: now + 10 });
    supervision.time = now + 9;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), ['SET_TIMER +10']);
  });

  it('is not set by the late word of an actor that was stopped', () => {
    const supervision = running();
    supervision.tell({ type: 'SOURCE_GONE', key });
    assert.deepEqual(supervision.tell({ type: 'WAKE_AT', key, at: now + 1 }), []);
  });
});

describe('a Secret that has changed', () => {
  const changed = (secretName: string): SupervisorEvent => ({
    type: 'SECRET_CHANGED',
    namespace: 'shop',
    secretName,
  });

  it('is looked at by the Ingress that owns it, once for all that happens within a second', () => {
    const supervision = running();
    assert.deepEqual(supervision.tell(changed('web-tls')), ['SET_TIMER +1000']);
    supervision.time += 900;
    assert.deepEqual(supervision.tell(changed('web-tls'), { type: 'WAKE_AT', key, at: now + hour }), []);
    supervision.time = now + 1000;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), [`WAKE ${key}`, `SET_TIMER +${hour}`]);
  });

  it('is nobody’s business if no Ingress owns it, or its Ingress has gone since', () => {
    const supervision = running();
    assert.deepEqual(supervision.tell(changed('other-tls')), []);
    supervision.tell(changed('web-tls'));
    assert.deepEqual(supervision.tell({ type: 'SOURCE_GONE', key }), [`STOP ${key}`, 'SET_TIMER off']);
  });

  it('starts no actor that died before its time', () => {
    const supervision = running();
    supervision.tell(changed('web-tls'));
    assert.deepEqual(supervision.tell({ type: 'ACTOR_FAILED', key }), [`SET_TIMER +${minute}`]);
    assert.deepEqual(supervision.tell(changed('web-tls')), []);
  });
});

describe('an actor that died', () => {
  it('is started again after a minute', () => {
    const supervision = running();
    assert.deepEqual(supervision.tell({ type: 'ACTOR_FAILED', key }), [`SET_TIMER +${minute}`]);
    supervision.time = now + minute;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), [`START ${key}`]);
  });

  it('is not started again when its Ingress is gone', () => {
    const supervision = running();
    supervision.tell({ type: 'ACTOR_FAILED', key });
    assert.deepEqual(supervision.tell({ type: 'SOURCE_GONE', key }), ['SET_TIMER off']);
    assert.deepEqual(supervision.tell({ type: 'ACTOR_FAILED', key }), []);
  });

  it('is started at once when its Ingress changes', () => {
    const supervision = running();
    supervision.tell({ type: 'ACTOR_FAILED', key });
    assert.deepEqual(supervision.tell(observed({ retry: '1' })), [`START ${key}`]);
  });
});

describe('rounds', () => {
  const round = {
    id: 'r',
    namespace: 'shop',
    hosts: ['web.example.com'],
    harmAt: now,
    purpose: 'first',
    exemption: 'none',
  } as const;

  it('are admitted, and given a slot when they ask for it', () => {
    const supervision = running();
    assert.deepEqual(supervision.tell({ type: 'ROUND_STARTED', round }), ['SET_TIMER +0']);
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), ['ADMIT r']);
    assert.deepEqual(supervision.tell({ type: 'SLOT_REQUESTED', id: 'r' }), ['GRANT_SLOT r']);
  });

  it('make room for others when they return the slot or end', () => {
    const supervision = running();
    const twin = { ...round, id: 'twin' };
    const other = { ...round, id: 'other', hosts: ['other.example.com'] };
    supervision.tell(...begun(round), { type: 'SLOT_REQUESTED', id: 'r' });
    assert.deepEqual(supervision.tell(...begun(twin)), ['SET_TIMER +0'], 'the same set of hosts');
    assert.deepEqual(supervision.tell(...begun(other)), ['SET_TIMER +0', 'ADMIT other']);
    assert.deepEqual(supervision.tell({ type: 'ROUND_ENDED', id: 'r' }), ['ADMIT twin']);
  });

  it('lend their slot while the CA has nothing to do for them, and have it again before others, whatever record fails', () => {
    const supervision = running();
    const rounds = Array.from({ length: 12 }, (_, index) => ({
      ...round,
      id: `r${index}`,
      hosts: [`${index}.example.com`],
    }));
    supervision.tell(
      ...rounds.flatMap((one) => begun(one)),
      ...rounds.map(({ id }) => ({ type: 'SLOT_REQUESTED', id }) as const),
    );
    assert.deepEqual(supervision.tell({ type: 'SLOT_LENT', id: 'r0' }), ['GRANT_SLOT r10']);
    assert.deepEqual(supervision.tell({ type: 'SLOT_RECLAIMED', id: 'r0' }), []);
    const trouble = {
      record: 'journal',
      operation: 'write',
      object: 'Secret s',
      cause: 'denied',
      since: now,
    } as const;
    supervision.tell({
      type: 'RECORDS_CHANGED',
      troubles: [{ ...trouble, message: 'It is denied', remedy: 'Allow it' }],
    });
    assert.ok(supervision.tell({ type: 'ROUND_ENDED', id: 'r1' }).includes('GRANT_SLOT r0'));
  });

  it('wait until it is known what was spent before', () => {
    const supervision = new Supervision();
    supervision.tell(observed(), synced, { type: 'ROUND_STARTED', round });
    assert.deepEqual(supervision.tell({ type: 'LEDGER_READ' }), ['ADMIT r']);
  });

  it('wait while a record cannot be written, and are told why when that lasts', () => {
    const supervision = running();
    const trouble = {
      record: 'journal',
      operation: 'write',
      object: 'Secret s',
      cause: 'denied',
      since: now,
    } as const;
    const troubles = [{ ...trouble, message: 'The journal is denied', remedy: 'Allow it' }];
    supervision.tell({ type: 'RECORDS_CHANGED', troubles });
    supervision.tell(...begun(round));
    supervision.time = now + 15_000;
    const told = ['TELL_ROUND r The journal is denied. Allow it.'];
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), told);
    const mended = supervision.tell({ type: 'RECORDS_CHANGED', troubles: [] });
    assert.deepEqual(mended, ['ADMIT r']);
  });

  it('are told for a source whose actor waits for the record of holders', () => {
    const supervision = new Supervision(orderBudget(), []);
    const trouble = {
      record: 'holders',
      operation: 'read',
      object: 'ConfigMap h',
      cause: 'denied',
      since: now,
    } as const;
    supervision.tell(observed(), observed({ name: 'other', enabled: false }), synced, {
      type: 'RECORDS_CHANGED',
      troubles: [{ ...trouble, message: 'It is denied', remedy: 'Allow it' }],
    });
    supervision.time = now + 15_000;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), ['TELL_SOURCE web RecordUnavailable']);
  });

  it('wait, over a restart, as long as the CA had asked all to', () => {
    const ledger = new Ledger({ limits: {}, reserve: 0 }, registeredDomain, (text) => text);
    const supervision = new Supervision(new OrderBudget(ledger));
    ledger.learnUnavailable(10 * minute, now);
    supervision.budget.resume(now);
    supervision.tell(...begun(round), { type: 'LEDGER_READ' });
    const asked = supervision.tell({ type: 'SLOT_REQUESTED', id: 'r' });
    assert.deepEqual(asked, ['HOLD r', `SET_TIMER +${10 * minute}`]);
    supervision.time = now + 10 * minute;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), ['GRANT_SLOT r']);
  });

  it('wait by the clock of the CA for what it counts', () => {
    const supervision = running();
    supervision.skew = -hour;
    supervision.tell(...begun(round), { type: 'SLOT_REQUESTED', id: 'r' });
    supervision.budget.report({ type: 'CA_UNAVAILABLE', id: 'r', retryAfter: 10 * minute }, now - hour);
    supervision.tell(
      { type: 'ROOM_CHANGED', change: 'health' },
      { type: 'ROUND_ENDED', id: 'r' },
      ...begun(round),
    );
    assert.deepEqual(supervision.tell({ type: 'SLOT_REQUESTED', id: 'r' }), [
      'HOLD r',
      `SET_TIMER +${10 * minute}`,
    ]);
    // Our clock jumps, and with it how far the CA's seems to be ahead.
    supervision.time += 2 * hour;
    supervision.skew -= 2 * hour;
    assert.deepEqual(supervision.tell({ type: 'TIMER' }), [`SET_TIMER +${2 * hour + 10 * minute}`]);
  });
});

describe('a process that is ending', () => {
  const round = {
    id: 'r',
    namespace: 'shop',
    hosts: ['web.example.com'],
    harmAt: now,
    purpose: 'first',
    exemption: 'none',
  } as const;

  it('switches the timer off and begins nothing new', () => {
    const supervision = running();
    supervision.tell({ type: 'WAKE_AT', key, at: now + hour }, { type: 'ROUND_STARTED', round });
    assert.deepEqual(supervision.tell({ type: 'DRAIN' }), ['SET_TIMER off']);
    const events: SupervisorEvent[] = [
      observed({ name: 'new' }),
      observed({ retry: '1' }),
      { type: 'SOURCE_GONE', key },
      { type: 'WAKE_AT', key, at: now + 1 },
      { type: 'TIMER' },
      { type: 'SLOT_REQUESTED', id: 'r' },
      { type: 'ROUND_STARTED', round: { ...round, id: 'another' } },
      { type: 'SLOT_RETURNED', id: 'r' },
      { type: 'ROUND_ENDED', id: 'r' },
      { type: 'ACTOR_FAILED', key },
      synced,
      { type: 'DRAIN' },
    ];
    assert.deepEqual(supervision.tell(...events), []);
  });
});

describe('a name that the CA has paused', () => {
  it('is told to the CA when its owner says that it is mended', () => {
    const lifted: SupervisorEvent = { type: 'PAUSES_LIFTED', hosts: ['web.example.com'] };
    assert.deepEqual(running().tell(lifted), ['LIFT_PAUSES web.example.com']);
    assert.deepEqual(new Supervision().tell(lifted), ['LIFT_PAUSES web.example.com']);
  });
});
