import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { isRecord, recordField, stringField } from '../../process/json.ts';
import { absoluteUrl } from './problem-document.ts';

/** The directory of a CA (RFC 8555 section 7.1.1). */
export interface AcmeDirectory {
  readonly termsOfService: string | undefined;
  readonly externalAccountRequired: boolean;
  /** Descriptions by profile name; undefined if the CA has none. */
  readonly profiles: Readonly<Record<string, string>> | undefined;
  /** URL of the renewal information (RFC 9773); undefined if the CA has none. */
  readonly renewalInfo: string | undefined;
  /** The object as it was read, its URLs absolute, for acme-client. */
  readonly resources: Readonly<Record<string, unknown>>;
}

const mostProfiles = 50;
const longestName = 100;
const longestText = 1000;

/**
 * @param url where it was read: its own URLs may be relative
 * @returns undefined if it is not an ACME directory
 */
export function readDirectory(value: unknown, url: string): AcmeDirectory | undefined {
  if (!isRecord(value)) return undefined;
  for (const resource of ['newNonce', 'newAccount', 'newOrder']) {
    if (stringField(value, resource) === undefined) return undefined;
  }
  const resources = Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [
      name,
      typeof entry === 'string' ? absoluteUrl(entry, url) : entry,
    ]),
  );
  const meta = recordField(value, 'meta');
  const profiles = recordField(meta, 'profiles');
  const termsOfService = stringField(meta, 'termsOfService');
  return {
    termsOfService: termsOfService === undefined ? undefined : oneLine(termsOfService, longestText),
    externalAccountRequired: meta?.['externalAccountRequired'] === true,
    profiles:
      profiles &&
      Object.fromEntries(
        Object.entries(profiles)
          .slice(0, mostProfiles)
          .map(([name, text]) => [
            oneLine(name, longestName),
            typeof text === 'string' ? oneLine(text, longestText) : '',
          ]),
      ),
    renewalInfo: stringField(resources, 'renewalInfo'),
    resources,
  };
}
