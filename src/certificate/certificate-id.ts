import { DerError, DerReader, derTag } from './der.ts';

/** `[3] EXPLICIT Extensions` of a TBSCertificate (RFC 5280 section 4.1). */
const extensionsTag = 0xa3;
/** `[0] IMPLICIT KeyIdentifier` of an AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1). */
const keyIdentifierTag = 0x80;
/** 2.5.29.35 */
const authorityKeyIdentifier = '551d23';

/**
 * The ARI certificate identifier (RFC 9773 section 4.1): authority key identifier and serial number, each base64url, joined by
 * a dot.
 *
 * @param certificate `raw`: its DER
 * @returns undefined for a certificate without an authority key identifier, or invalid DER
 */
export function certificateId({ raw }: { readonly raw: Buffer }): string | undefined {
  try {
    const tbs = new DerReader(raw, 'certificate').sequence().sequence();
    const serial = find(tbs, derTag.integer);
    const extensions = find(tbs, extensionsTag);
    const authority = extensions && authorityOf(new DerReader(extensions, 'extensions').sequence());
    if (serial === undefined || authority === undefined) return undefined;
    return `${authority.toString('base64url')}.${serial.toString('base64url')}`;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** The content of the next element with this tag; those before it are skipped. */
function find(reader: DerReader, tag: number): Buffer | undefined {
  while (!reader.isEmpty) {
    const element = reader.any();
    if (element.tag === tag) return element.content;
  }
  return undefined;
}

function authorityOf(extensions: DerReader): Buffer | undefined {
  while (!extensions.isEmpty) {
    const extension = extensions.sequence();
    if (extension.objectIdentifier() !== authorityKeyIdentifier) continue;
    const value = find(extension, derTag.octetString);
    return value && find(new DerReader(value, 'authority key identifier').sequence(), keyIdentifierTag);
  }
  return undefined;
}
