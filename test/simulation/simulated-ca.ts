import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import type { CaOptions } from '../../src/authority/certificate-authority.ts';
import type { Hosts } from './hosts.ts';
import type { Outage } from './outages.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Let's Encrypt's, so that its limits are the preset ones. */
export const origin = 'https://acme-v02.api.letsencrypt.org';
export const directoryUrl = `${origin}/directory`;

export type CaLimit = 'orders' | 'domain' | 'set' | 'failures' | 'pause';

/** What one limit is counted for: `domain example.com`. */
export interface Count {
  readonly limit: CaLimit;
  readonly of: string;
}

/** What the CA saw and did, for those who watch over the run. */
export interface CaWitness {
  /** @param counts what limits an order of this kind is held against */
  orderAsked(hosts: readonly string[], counts: readonly Count[]): void;
  /** @param wait milliseconds that it asks for; undefined if it does not say */
  refused(count: Count, wait: number | undefined, latency: number): void;
  /** @param resource its path, `/order/1` */
  asked(resource: string): void;
  /** The answer asks to wait for so many milliseconds. */
  toldToWait(resource: string, wait: number, latency: number): void;
  /** It gave no good answer, by its own fault. */
  busy(): void;
  orderMade(hosts: readonly string[], reused: boolean): void;
  hostFailed(host: string): void;
  /** @param id of the certificate (RFC 9773 section 4.1) */
  issued(id: string): void;
}

export interface CaParts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly hosts: Hosts;
  readonly witness: CaWitness;
  /** Of the one account that kube-lego has, PEM. */
  readonly accountKey: string;
  /** Milliseconds for which its answer holds on when to renew; undefined: it does not say. */
  readonly renewalInfoPeriod: number | undefined;
}

/** How a process of kube-lego reaches the CA. */
export type CaClient = Pick<CaOptions, 'newTransport' | 'newAccount'>;

/** What a simulation needs of a CA, be it the model or the strict one. */
export interface SimulatedCa {
  readonly accountUrl: string;
  readonly outages: Outage[];
  connect(): CaClient;
  /** Makes the private keys that this CA certifies, for one process. */
  keyMaker(): (type: KeyType) => Promise<string>;
  /** A certificate that was issued before the simulation began, with its key. */
  issueBefore(
    hosts: readonly string[],
    profile: string,
    at: number,
  ): { readonly chainPem: string; readonly keyPem: string };
  /** Somebody else orders: another cluster with the same account, or another account with the same domain. */
  spendElsewhere(hosts: readonly string[], sameAccount: boolean): void;
  /** Everything that it has issued is to be replaced at once. */
  recall(): void;
  isRecalled(certificate: { readonly id?: string | undefined; readonly notBefore: number }): boolean;
  /** What the emptiest count of this limit has left now, as a share of the whole. */
  lowest(limit: CaLimit): number;
}
