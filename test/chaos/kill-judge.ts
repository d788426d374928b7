import { X509Certificate } from 'node:crypto';
import { decodeHolders } from '../../machines/ownership/holders/holder-document.ts';
import { certificateId } from '../../src/certificate/certificate-id.ts';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import { controllerRequests } from '../controller-failures/controller-requests.ts';
import type { Stage } from '../controller-failures/stage.ts';
import type { StrictCa } from '../controller-failures/strict-ca.ts';
import type { Bystanders } from './bystanders.ts';
import { type Job, nameOf, type Point } from './kill-points.ts';
import { bareOf, recordOf, type Subject, writesAtCa } from './kill-steps.ts';
import type { Replica } from './replica.ts';

/** What came of a point, by the API server and the CA. */
export interface Outcome extends Job {
  /** Whether the process was killed there. */
  readonly reached: boolean;
  /** That the CA has made for the set. */
  readonly orders: number;
  /** Certificates that the CA has issued for it. */
  readonly issued: number;
  /** From the Ingress to the certificate in its Secret. */
  readonly seconds: number;
  /** What must not be. */
  readonly faults: readonly string[];
}

/** What has been seen of a point, to be judged when nothing goes on any more. */
export interface Run extends Pick<Outcome, 'point' | 'reached' | 'seconds'> {
  readonly subject: Subject;
  /** More would be waste. */
  readonly mostOrders: number;
  /** The process that stood still while another one took over. */
  readonly revived: Revived | undefined;
}

export interface Revived {
  readonly replica: Replica;
  /** When it went on, in milliseconds since the epoch. */
  readonly at: number;
  /** Whether it believed a while later that it leads. */
  readonly leads: boolean;
}

export interface CaCall {
  /** `Replica.address` */
  readonly source: string | undefined;
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const journal = 'kube-lego/kube-lego-journal-0';
const dnsValues = 'kube-lego/kube-lego-dns-values';

/** What has come of the points of one cluster, by the API server and the CA's record. */
export class KillJudge {
  readonly #stage: Stage;
  readonly #ca: StrictCa;
  readonly #bystanders: Bystanders;
  /** The CA answers a second order for a set with the first one. */
  readonly #reusing: boolean;
  readonly #calls: CaCall[] = [];

  constructor(parts: {
    readonly stage: Stage;
    readonly ca: StrictCa;
    readonly bystanders: Bystanders;
    readonly reusing: boolean;
  }) {
    this.#stage = parts.stage;
    this.#ca = parts.ca;
    this.#bystanders = parts.bystanders;
    this.#reusing = parts.reusing;
  }

  /** Id of the certificate in the Secret. */
  async stored({ namespace, secret: name }: Subject): Promise<string | undefined> {
    const pem = (await this.#stage.secret(`${namespace}/${name}`))?.['tls.crt'];
    return pem === undefined ? undefined : certificateId(new X509Certificate(pem));
  }

  /** Ids of what the CA has issued for the set. */
  issued({ host }: Subject): string[] {
    return this.#ca.events
      .filter((event) => event.type === 'issued')
      .filter(({ identifiers }) => identifiers.some(({ value }) => value === host))
      .map(({ certificateId: id }) => id);
  }

  /** How many orders the CA has made for the set. */
  #orders({ host }: Subject): number {
    return this.#ca.events
      .filter((event) => event.type === 'order-made')
      .filter(({ identifiers, reused }) => !reused && identifiers.some(({ value }) => value === host)).length;
  }

  /** How often the CA has looked for a proof of the host in vain. */
  #failedProofs({ host }: Subject): number {
    const names = [host, bareOf(host)];
    return this.#ca.events.filter(
      (event) => event.type === 'proof-failed' && names.includes(event.identifier),
    ).length;
  }

  /** Whether the CA has, or will have, an order of which only the dead process could know, and makes another one if it is asked again. */
  async mayOrderAgain(subject: Subject, { step, moment }: Point): Promise<boolean> {
    const comesLate = step === 'new-order' && moment === 'late';
    if (comesLate) return true;
    const entry = (await this.#journal()).find((text) => hostsOf(text).includes(subject.host));
    const isKnown = entry === undefined || stringField(parsed(entry), 'orderUrl') !== undefined;
    return !this.#reusing && this.#orders(subject) > 0 && !isKnown;
  }

  /** The namespaces of the record, by host. */
  async #holders(): Promise<Map<string, string>> {
    const path = '/api/v1/namespaces/kube-lego/configmaps?labelSelector=kube-lego.io/record=holders';
    const documents = arrayField(await this.#stage.world.api.expect(path), 'items');
    const texts = documents.map((item) => stringField(recordField(item, 'data'), 'holders.json') ?? '');
    const holders = texts.flatMap((text) => [...decodeHolders(text).holders]);
    return new Map(holders.map(([host, { namespace }]) => [host, namespace]));
  }

  async #journal(): Promise<string[]> {
    return Object.values((await this.#stage.secret(journal)) ?? {});
  }

  /** Hosts of entries in the journal, of rules in challenge Ingresses and of values in the DNS, with where they are. */
  async leftBehind(subjects: readonly Subject[]): Promise<Map<string, string>> {
    const left = new Map<string, string>();
    for (const text of await this.#journal()) {
      for (const host of hostsOf(text)) left.set(String(host), 'an entry in the journal');
    }
    const path = '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses';
    for (const object of arrayField(await this.#stage.world.api.expect(path), 'items')) {
      const text = JSON.stringify(recordField(object, 'spec'));
      for (const { host } of subjects) {
        if (text.includes(`"${host}"`)) left.set(host, 'a rule in the challenge Ingress');
      }
    }
    const values = Object.values((await this.#stage.secret(dnsValues)) ?? {});
    for (const { host } of subjects) {
      const isWritten = values.some((text) => stringField(parsed(text), 'host') === bareOf(host));
      if (isWritten) left.set(host, 'an entry in the record of values in the DNS');
      if (this.#stage.world.zoneServer.values(recordOf(host)).length > 0)
        left.set(host, 'a value in the DNS');
    }
    return left;
  }

  /** @param left what is left behind, by host */
  async judge(run: Run, left: ReadonlyMap<string, string>): Promise<Outcome> {
    const { point, reached, seconds, subject, revived } = run;
    const issued = this.issued(subject);
    const orders = this.#orders(subject);
    const unproven = this.#failedProofs(subject);
    // A process that stands still takes the CA's connection, and does not answer: that order is lost.
    const mostOrders = run.mostOrders + (point.moment === 'held' ? unproven : 0);
    const stored = await this.stored(subject);
    const faults: string[] = [];
    if (seconds === Number.POSITIVE_INFINITY) faults.push('no certificate in time');
    if (unproven > 0 && point.moment !== 'held') faults.push('nobody answered the CA');
    if (orders > mostOrders) faults.push(`${orders} orders instead of ${mostOrders}`);
    if (issued.length > 1) faults.push(`${issued.length} certificates`);
    if (issued.some((id) => id !== stored)) faults.push('a certificate that was issued is not stored');
    if ((await this.#holders()).get(subject.host) !== subject.namespace)
      faults.push('its namespace is not recorded as the holder of the host');
    if (revived !== undefined) faults.push(...(await this.#deedsOf(revived)));
    const remains = left.get(subject.host);
    if (remains !== undefined) faults.push(`left behind: ${remains}`);
    return { point, reusing: this.#reusing, reached, orders, issued: issued.length, seconds, faults };
  }

  /** Notes a request to the CA. */
  called(call: CaCall): void {
    this.#calls.push(call);
  }

  /** What a process has done after it stood still, though it led no longer. */
  async #deedsOf({ replica, at, leads }: Revived): Promise<string[]> {
    const records = await controllerRequests(this.#stage.world.cluster.auditLog);
    const writes = records.filter(
      ({ id, receivedAt, resource, status, verb }) =>
        id.startsWith(`${replica.name}.`) &&
        receivedAt > at &&
        !['get', 'list', 'watch'].includes(verb) &&
        // It may find out by a renewal that is refused.
        !(resource === 'leases' && status === 409),
    );
    const calls = this.#calls.filter(
      ({ source, path, at: calledAt }) => source === replica.address && calledAt > at && writesAtCa(path),
    );
    return [
      ...(leads ? ['the process that stood still leads'] : []),
      ...writes.map(({ verb, uri }) => `the process that stood still sent ${verb} ${uri}`),
      ...calls.map(({ path }) => `the process that stood still sent ${path} to the CA`),
    ];
  }

  /** What has been done to others, and what kube-lego was denied, since the start. */
  async faults(subjects: readonly Subject[]): Promise<readonly string[]> {
    const meant = new Set(
      subjects.flatMap(({ ingress: name, namespace, secret: secretName }) => [
        `${namespace}/${name}`,
        `${namespace}/${secretName}`,
      ]),
    );
    const faults = await this.#bystanders.faults((key) => meant.has(key));
    const records = await controllerRequests(this.#stage.world.cluster.auditLog);
    const denied = records.filter(({ status }) => status === 403);
    return [...faults, ...denied.map(({ verb, uri }) => `denied: ${verb} ${uri}`)];
  }
}

/** For messages: what it was, and what is wrong with it. */
export function faultsOf({ point, faults }: Outcome): string[] {
  return faults.map((fault) => `${nameOf(point)}: ${fault}`);
}

function hostsOf(entry: string): readonly unknown[] {
  return arrayField(parsed(entry), 'hosts');
}

function parsed(text: string): Record<string, unknown> | undefined {
  const value: unknown = JSON.parse(text);
  return isRecord(value) ? value : undefined;
}
