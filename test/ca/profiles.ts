/** A kind of certificates (draft-ietf-acme-profiles). All times in milliseconds. */
export interface CaProfile {
  readonly description: string;
  /** Of a certificate that is issued now. */
  readonly validity: (now: number) => number;
  /** A certificate begins so long before it is made; an hour if not given, as at Let's Encrypt. */
  readonly backdated?: number;
  /** How long a proof can be used again. */
  readonly authorizationLifetime: (now: number) => number;
  readonly pendingLifetime: number;
  readonly orderLifetime: number;
  readonly maxNames: number;
  readonly addresses: boolean;
}

const hour = 3_600_000;
const day = 24 * hour;
const firstChange = Date.parse('2027-02-10');
const secondChange = Date.parse('2028-02-16');

/** Let's Encrypt's, with the changes that are announced. */
export const letsEncryptProfiles: Readonly<Record<string, CaProfile>> = {
  classic: {
    description: 'https://letsencrypt.org/docs/profiles#classic',
    validity: (now) => (now < firstChange ? 90 : now < secondChange ? 64 : 45) * day,
    authorizationLifetime: (now) => (now < firstChange ? 30 * day : now < secondChange ? 10 * day : 7 * hour),
    pendingLifetime: 7 * day,
    orderLifetime: 7 * day,
    maxNames: 100,
    addresses: false,
  },
  tlsserver: {
    description: 'https://letsencrypt.org/docs/profiles#tlsserver',
    validity: () => 45 * day,
    authorizationLifetime: () => 7 * hour,
    pendingLifetime: hour,
    orderLifetime: 8 * hour,
    maxNames: 25,
    addresses: false,
  },
  shortlived: {
    description: 'https://letsencrypt.org/docs/profiles#shortlived',
    validity: () => 160 * hour,
    authorizationLifetime: () => 7 * hour,
    pendingLifetime: hour,
    orderLifetime: 8 * hour,
    maxNames: 25,
    addresses: true,
  },
};
