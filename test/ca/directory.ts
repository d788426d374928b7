import type { CaOptions } from './options.ts';
import type { CaProfile } from './profiles.ts';

/** Where everything is (RFC 8555 section 7.1.1). */
export function directory({
  options,
  origin,
  profiles,
}: {
  readonly options: CaOptions;
  readonly origin: string;
  readonly profiles: Readonly<Record<string, CaProfile>>;
}): object {
  const { externalAccounts, renewalInfo } = options;
  const descriptions = Object.entries(profiles).map(([name, { description }]) => [name, description]);
  return {
    newNonce: `${origin}/new-nonce`,
    newAccount: `${origin}/new-account`,
    newOrder: `${origin}/new-order`,
    revokeCert: `${origin}/revoke-cert`,
    keyChange: `${origin}/key-change`,
    ...(renewalInfo !== false && { renewalInfo: `${origin}/renewal-info` }),
    meta: {
      termsOfService: `${origin}/terms`,
      profiles: Object.fromEntries(descriptions),
      ...(externalAccounts !== undefined && { externalAccountRequired: true }),
    },
    // Boulder puts one in so that clients learn to ignore what they don't know.
    Pj2Wn5aVcKI: 'https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417',
  };
}
