import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { second } from '../../../machines/time/durations.ts';
import {
  awaitReachable,
  type ReachabilitySettings,
} from '../../../src/challenges/http-01/self-check/reachability.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { eventually } from '../../time/eventually.ts';
import { unhurriedClock } from '../../time/unhurried-clock.ts';
import { DnsStandIn } from './dns-stand-in.ts';
import { answering, Site, saying } from './site.ts';

const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const host = 'shop.example.test';
const elsewhere = 'elsewhere.example.test';
let dns: DnsStandIn;

before(async () => {
  dns = await DnsStandIn.start();
  for (const name of [host, elsewhere]) dns.set(name, ['127.0.0.1']);
});

after(() => dns[Symbol.asyncDispose]());

function settings(port: number, timeLimit: number): ReachabilitySettings {
  return {
    thumbprint,
    ports: { http: port, https: 443 },
    dnsServers: [dns.address],
    allowLoopback: true,
    publicCa: false,
    userAgent: 'kube-lego/test',
    clock: unhurriedClock,
    timeLimit,
  };
}

/** Answers as ours where the script says so, by the number of the request, from 1. */
function startScripted(isOurs: (request: number) => boolean): Promise<Site> {
  let request = 0;
  return Site.start((incoming, response) => {
    const listener = isOurs(++request) ? answering(thumbprint) : saying(404, '');
    listener(incoming, response);
  });
}

/** Answers as ours, after a redirect where the script says so, by the number of the check, from 1. */
function startRedirecting(redirects: (check: number) => boolean): Promise<Site> {
  let check = 0;
  return Site.start((incoming, response) => {
    const [name, port] = (incoming.headers.host ?? '').split(':');
    const isLedOn = name === elsewhere;
    const listener =
      !isLedOn && redirects(++check)
        ? saying(308, '', { location: `http://${elsewhere}:${port}${incoming.url}` })
        : answering(thumbprint);
    listener(incoming, response);
  });
}

const signal = new AbortController().signal;

/** Ends the time limit when a test says so, and records the waits between two checks: a check's own limits are longer. */
class ClockWithLimit implements Clock {
  readonly limit = 600_000;
  readonly waits: number[] = [];
  end: () => void = () => assert.fail('there is no time limit');

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  clearTimeout(handle: unknown): void {
    systemClock.clearTimeout(handle);
  }

  setTimeout(fn: () => void, ms: number): unknown {
    if (ms === this.limit) {
      this.end = fn;
      return undefined;
    }
    if (ms < second) this.waits.push(ms);
    return unhurriedClock.setTimeout(fn, ms);
  }
}

describe('waiting until a host is reachable', () => {
  it('takes two good answers on two connections, at once', async () => {
    await using site = await startScripted(() => true);
    let waits = 0;
    const onVerdict = () => {
      waits += 1;
    };
    const verdict = await awaitReachable(host, { ...settings(site.port, 60_000), onVerdict }, signal);
    assert.equal(verdict.kind, 'reachable');
    assert.equal(site.connections, 2);
    assert.equal(waits, 0);
  });

  it('starts over when a good answer is followed by a stale one', async () => {
    await using site = await startScripted((request) => request === 2 || request >= 4);
    assert.equal((await awaitReachable(host, settings(site.port, 60_000), signal)).kind, 'reachable');
    assert.equal(site.connections, 5);
  });

  it('takes two good answers after a redirect each', async () => {
    await using site = await startRedirecting(() => true);
    const verdict = await awaitReachable(host, settings(site.port, 60_000), signal);
    assert.deepEqual(verdict, { kind: 'reachable', notice: undefined, redirected: true });
    assert.equal(site.connections, 4);
  });

  it('does not take a good answer after a redirect and one without for two in a row', async () => {
    await using site = await startRedirecting((check) => check < 10 && check % 2 === 0);
    const verdict = await awaitReachable(host, settings(site.port, 60_000), signal);
    assert.deepEqual(verdict, { kind: 'reachable', notice: undefined });
    // Of ten checks four are led on; the ninth and the tenth are the first two of a kind.
    assert.equal(site.connections, 14);
  });

  it('goes on through wrong answers, and reports the last one at the time limit', async () => {
    await using site = await startScripted(() => false);
    const clock = new ClockWithLimit();
    const verdict = awaitReachable(host, { ...settings(site.port, clock.limit), clock }, signal);
    await eventually('some answers came', () => clock.waits.length >= 4);
    clock.end();
    assert.equal((await verdict).kind, 'wrong-answer');
    assert.deepEqual(clock.waits.slice(0, 4), [20, 30, 45, 67.5]);
  });

  it('asks once more after the time limit: it may have stood still, while the rule took effect', async () => {
    let takenUp = false;
    await using site = await startScripted(() => takenUp);
    const clock = new ClockWithLimit();
    const verdict = awaitReachable(host, { ...settings(site.port, clock.limit), clock }, signal);
    await eventually('some answers came', () => clock.waits.length >= 2);
    takenUp = true;
    clock.end();
    assert.equal((await verdict).kind, 'reachable');
  });

  it('does not take every other good answer for good', async () => {
    await using site = await startScripted((request) => request % 2 === 0);
    const clock = new ClockWithLimit();
    const asked = awaitReachable(host, { ...settings(site.port, clock.limit), clock }, signal);
    await eventually('some answers came', () => clock.waits.length >= 3);
    clock.end();
    const verdict = await asked;
    assert.ok(verdict.kind === 'wrong-answer' && verdict.changing);
  });

  it('notices a name that appears in the DNS meanwhile', async () => {
    await using site = await startScripted(() => true);
    const verdict = awaitReachable('new.example.test', settings(site.port, 60_000), signal);
    setTimeout(() => dns.set('new.example.test', ['127.0.0.1']), 100);
    assert.equal((await verdict).kind, 'reachable');
  });

  it('is inconclusive when nothing at all came back in time', async () => {
    await using site = await Site.start(() => undefined);
    assert.deepEqual(await awaitReachable(host, settings(site.port, 300), signal), {
      kind: 'inconclusive',
      message: `Host ${host} gave no answer within 0.3 s when asked from inside the cluster.`,
    });
  });

  it('ends at once when it is aborted', async () => {
    await using site = await startScripted(() => false);
    const controller = new AbortController();
    const verdict = awaitReachable(host, settings(site.port, 600_000), controller.signal);
    await eventually('some answers came', () => site.connections > 3);
    controller.abort(new Error('the Ingress is gone'));
    await assert.rejects(verdict, /the Ingress is gone/);
  });
});
