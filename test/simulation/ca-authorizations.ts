import type { CaAnswer } from '../../src/acme/transport/connection.ts';
import type { CaLimits } from './ca-limits.ts';
import { orderLifetime, proofLifetime } from './ca-profiles.ts';
import type { Hosts } from './hosts.ts';
import type { Random } from './random.ts';
import { type CaWitness, origin } from './simulated-ca.ts';
import { day, hour } from './time-units.ts';
import type { VirtualTime } from './virtual-time.ts';

type Status = 'pending' | 'valid' | 'invalid';

interface Authorization {
  readonly path: string;
  readonly host: string;
  readonly profile: string;
  status: Status;
  expires: number;
  /** The CA has been told to look. */
  asked: boolean;
}

export interface AuthorizationBookOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly hosts: Hosts;
  readonly witness: CaWitness;
  readonly limits: CaLimits;
}

const pollPause = { 'retry-after': '3' };

/** The CA's authorizations: valid ones serve again within a profile, pending ones do not (Boulder, ra.go, NewOrder). */
export class AuthorizationBook {
  readonly #options: AuthorizationBookOptions;
  readonly #byPath = new Map<string, Authorization>();
  readonly #proven = new Map<string, Authorization>();
  #serial = 0;

  constructor(options: AuthorizationBookOptions) {
    this.#options = options;
  }

  /** @returns the path of one that serves an order for this host */
  open(host: string, profile: string): string {
    const { now } = this.#options.time;
    const proven = this.#proven.get(`${profile} ${host}`);
    const least = Math.min(day, Math.max(hour, proofLifetime(profile, now) / 8));
    if (proven !== undefined && proven.expires > now + least) return proven.path;
    this.#serial += 1;
    const path = `/authz/${this.#serial}`;
    const pendingFor = Math.min(orderLifetime(profile), profile === 'classic' ? Infinity : hour);
    this.#byPath.set(path, {
      path,
      host,
      profile,
      status: 'pending',
      expires: now + pendingFor,
      asked: false,
    });
    return path;
  }

  /** Milliseconds since the epoch. */
  expiryOf(path: string): number {
    return this.#byPath.get(path)?.expires ?? 0;
  }

  statusOf(path: string): Status {
    const authorization = this.#byPath.get(path);
    return authorization === undefined || authorization.expires <= this.#options.time.now
      ? 'invalid'
      : authorization.status;
  }

  show(path: string): CaAnswer {
    const authorization = this.#byPath.get(path);
    if (authorization === undefined) return { status: 404, headers: {}, text: '' };
    const status = this.statusOf(path);
    const challenge = {
      ...this.#challenge(authorization),
      ...(status === 'invalid' ? { error: unreachable(authorization.host) } : {}),
    };
    const text = JSON.stringify({
      identifier: { type: 'dns', value: authorization.host },
      status,
      expires: new Date(authorization.expires).toISOString(),
      challenges: [challenge],
    });
    return { status: 200, headers: status === 'pending' && authorization.asked ? pollPause : {}, text };
  }

  /** The client says that the CA may look. */
  validate(challengePath: string): CaAnswer {
    const { random, time } = this.#options;
    const authorization = this.#byPath.get(challengePath.replace('/challenge/', '/authz/'));
    if (authorization === undefined) return { status: 404, headers: {}, text: '' };
    if (authorization.status === 'pending' && !authorization.asked) {
      authorization.asked = true;
      time.after(random.between(300, 2500), () => this.#settle(authorization));
    }
    return { status: 200, headers: pollPause, text: JSON.stringify(this.#challenge(authorization)) };
  }

  forgetExpired(): void {
    const { now } = this.#options.time;
    for (const [path, { expires }] of this.#byPath) if (expires < now) this.#byPath.delete(path);
    for (const [key, { expires }] of this.#proven) if (expires < now) this.#proven.delete(key);
  }

  #settle(authorization: Authorization): void {
    const { hosts, limits, time, witness } = this.#options;
    const { host, profile } = authorization;
    const { now } = time;
    if (hosts.reaches(host)) {
      authorization.status = 'valid';
      authorization.expires = now + proofLifetime(profile, now);
      this.#proven.set(`${profile} ${host}`, authorization);
      limits.forget({ limit: 'pause', of: host });
      return;
    }
    authorization.status = 'invalid';
    limits.spend({ limit: 'failures', of: host }, now);
    limits.spend({ limit: 'pause', of: host }, now);
    witness.hostFailed(host);
  }

  #challenge({ path, status, asked }: Authorization): object {
    const processing = status === 'pending' && asked;
    return {
      type: 'http-01',
      url: `${origin}${path.replace('/authz/', '/challenge/')}`,
      status: processing ? 'processing' : status,
      token: 'x'.repeat(43),
    };
  }
}

function unreachable(host: string): object {
  return {
    type: 'urn:ietf:params:acme:error:connection',
    detail: `192.0.2.1: Fetching http://${host}/.well-known/acme-challenge/x: Timeout during connect`,
    status: 400,
  };
}
