import { letsEncrypt, letsEncryptStaging } from '../../../machines/authority/known-cas.ts';
import * as values from '../values.ts';
import type { Option } from './option.ts';

export const caOptions = {
  directoryUrl: {
    variable: 'LEGO_URL',
    placeholder: 'URL',
    description:
      "Directory of the ACME CA. The default is Let's Encrypt's staging CA, whose certificates browsers do not trust; " +
      `for real ones set ${letsEncrypt.directoryUrl}.`,
    fallback: letsEncryptStaging.directoryUrl,
    parse: values.directoryUrl,
  },
  email: {
    variable: 'LEGO_EMAIL',
    placeholder: 'ADDRESS',
    description: "Contact of the ACME account. Let's Encrypt does not need one, other CAs may.",
    parse: values.email,
  },
  accountSecretName: {
    variable: 'LEGO_SECRET_NAME',
    placeholder: 'NAME',
    description:
      "Secret in kube-lego's namespace that holds the account key, also in the annotation kube-lego.io/account-secret of its " +
      'ServiceAccount. Guard it, and never delete it.',
    fallback: 'kube-lego-account',
    parse: values.objectName,
  },
  accountKeyType: {
    variable: 'LEGO_ACCOUNT_KEY_TYPE',
    placeholder: 'TYPE',
    description:
      'Key of a new ACME account: ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096. Unset: ec-p256, or the first of rsa-2048 and ' +
      'ec-p384 that the CA accepts. A registered key is kept; for another one set a new LEGO_SECRET_NAME as well.',
    parse: values.oneOf('ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'),
  },
  caBundle: {
    variable: 'LEGO_CA_BUNDLE',
    placeholder: 'FILE',
    description: 'PEM file with additional trusted root certificates, for a private CA.',
    parse: values.text,
  },
  profile: {
    variable: 'LEGO_PROFILE',
    placeholder: 'NAME',
    description:
      "Certificate profile to ask the CA for, such as tlsserver or shortlived. Unset: the CA's default.",
    parse: values.profile,
  },
  preferredChain: {
    variable: 'LEGO_PREFERRED_CHAIN',
    placeholder: 'NAME',
    description:
      'Common name of an issuer: if the CA offers several chains, the one that contains it is stored.',
    parse: values.text,
  },
  eabKeyId: {
    variable: 'LEGO_EAB_KID',
    placeholder: 'ID',
    description: 'Key identifier of the external account binding, for CAs that require one.',
    parse: values.text,
  },
  eabHmacKey: {
    variable: 'LEGO_EAB_HMAC_KEY',
    placeholder: 'KEY',
    description: 'HMAC key that belongs to LEGO_EAB_KID, base64url.',
    secret: true,
    parse: values.hmacKey,
  },
  eabHmacKeyFile: {
    variable: 'LEGO_EAB_HMAC_KEY_FILE',
    placeholder: 'FILE',
    description: 'File that holds the HMAC key, in place of LEGO_EAB_HMAC_KEY.',
    parse: values.text,
  },
} as const satisfies Record<string, Option<unknown>>;
