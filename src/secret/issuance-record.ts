import type { Omission } from '../../machines/assessment/rescue.ts';
import { omissionAnnotation, writeOmission } from './omission.ts';
import {
  directoryAnnotation,
  flawedAnnotation,
  keyTypeAnnotation,
  profileAnnotation,
  selfCheckedAnnotation,
} from './secret-reading.ts';

/** What a certificate was ordered with. */
export interface Issuance {
  readonly directory: string;
  readonly profile: string | undefined;
  readonly keyType: string | undefined;
  /** All its hosts had passed the self-check. */
  readonly selfChecked: boolean;
  readonly omission: Omission | undefined;
  /** The fingerprint of a certificate that the CA sent with a flaw. */
  readonly flawed?: string | undefined;
}

/** The annotations that say so. */
export function issuanceRecord({
  directory,
  profile,
  keyType,
  selfChecked,
  omission,
  flawed,
}: Issuance): Record<string, string> {
  return {
    [directoryAnnotation]: directory,
    [profileAnnotation]: profile ?? '',
    ...(keyType === undefined ? {} : { [keyTypeAnnotation]: keyType }),
    ...(selfChecked ? { [selfCheckedAnnotation]: 'true' } : {}),
    ...(omission === undefined ? {} : { [omissionAnnotation]: writeOmission(omission) }),
    ...(flawed === undefined ? {} : { [flawedAnnotation]: flawed }),
  };
}
