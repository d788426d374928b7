import { day, hour, minute, second } from '../../machines/time/durations.ts';
import { rateLimits } from './rate-limit-setting.ts';
import * as values from './values.ts';

/** One setting. The flag's name is the variable's: `LEGO_CHECK_INTERVAL` is `--check-interval`. */
export interface Option<T> {
  readonly variable: `LEGO_${string}`;
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  /** Sentences for a person. */
  readonly description: string;
  /** The value when it is not set, as one would write it. */
  readonly fallback?: string;
  /** Has no flag, since command lines can be seen by everyone on a machine, and is never shown. */
  readonly secret?: boolean;
  readonly parse: values.Parser<T>;
}

/** That of the kube-lego of 2016. */
export const usualAnnotationKey = 'kubernetes.io/tls-acme';
export const defaultDirectoryUrl = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** Every setting there is, by groups: reading, `--help` and docs/configuration.md all come from here. */
export const optionGroups = {
  'CA and account': {
    directoryUrl: {
      variable: 'LEGO_URL',
      placeholder: 'URL',
      description:
        "Directory of the ACME CA. The default is Let's Encrypt's staging CA, whose certificates browsers do not trust; " +
        'for real ones set https://acme-v02.api.letsencrypt.org/directory.',
      fallback: defaultDirectoryUrl,
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
        "Secret in kube-lego's namespace that holds the account key. Guard it, and never delete it.",
      fallback: 'kube-lego-account',
      parse: values.objectName,
    },
    caBundle: {
      variable: 'LEGO_CA_BUNDLE',
      placeholder: 'FILE',
      description: 'PEM file with the roots to trust, besides the usual ones, when talking to a private CA.',
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
      description: 'Key identifier of an external account binding, for CAs that want one.',
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
  },
  Certificates: {
    checkInterval: {
      variable: 'LEGO_CHECK_INTERVAL',
      placeholder: 'DURATION',
      description: 'How often each Secret is looked at again, besides at every change of its Ingress.',
      fallback: '8h',
      parse: values.duration(second, 720 * hour),
    },
    secretWatch: {
      variable: 'LEGO_SECRET_WATCH',
      placeholder: 'SWITCH',
      description:
        'on: the metadata of TLS Secrets are watched, so that one that somebody deletes or spoils is repaired within seconds. Needs ' +
        'deploy/components/secret-watch (deploy/namespaced/secret-watch for chosen namespaces), whose verbs RBAC cannot tell from ' +
        'those that read all Secrets. off: a Secret is looked at by its name, at changes of its Ingress and every LEGO_CHECK_INTERVAL.',
      fallback: 'off',
      parse: values.oneOf('on', 'off'),
    },
    minimumValidity: {
      variable: 'LEGO_MINIMUM_VALIDITY',
      placeholder: 'DURATION',
      description:
        'A certificate is renewed when less than this is left of it, or less than a third of its lifetime (half of it ' +
        'under 10 days), whichever is shorter.',
      fallback: '720h',
      parse: values.duration(hour, 365 * day),
    },
    keyType: {
      variable: 'LEGO_KEY_TYPE',
      placeholder: 'TYPE',
      description: 'Key of new certificates: ec-p256 (the default), rsa-2048, rsa-3072 or rsa-4096.',
      parse: values.oneOf('ec-p256', 'rsa-2048', 'rsa-3072', 'rsa-4096'),
    },
    rsaKeySize: {
      variable: 'LEGO_RSA_KEYSIZE',
      placeholder: 'BITS',
      description: 'The older way to ask for RSA keys: 2048, 3072 or 4096.',
      parse: values.oneOf('2048', '3072', '4096'),
    },
    maxOrdersInFlight: {
      variable: 'LEGO_MAX_ORDERS_IN_FLIGHT',
      placeholder: 'NUMBER',
      description: 'Orders under way at the CA at a time.',
      fallback: '10',
      parse: values.wholeNumber(1, 100),
    },
    rehearse: {
      variable: 'LEGO_REHEARSE',
      placeholder: 'WHEN',
      description:
        'first: a set of hosts that has no certificate yet is ordered from LEGO_REHEARSAL_URL first, and from LEGO_URL only when ' +
        'that worked, so that hosts which are not set up cost nothing of its limits. never: at once from LEGO_URL.',
      fallback: 'never',
      parse: values.oneOf('first', 'never'),
    },
    rehearsalUrl: {
      variable: 'LEGO_REHEARSAL_URL',
      placeholder: 'URL',
      description:
        "Directory for rehearsals. Unset: Let's Encrypt's staging CA, where LEGO_URL is Let's Encrypt.",
      parse: values.directoryUrl,
    },
    rateLimits: {
      variable: 'LEGO_RATE_LIMITS',
      placeholder: 'JSON',
      description:
        "What differs from the limits that kube-lego knows of Let's Encrypt, or those of another CA, such as " +
        '{"orders-per-account": {"burst": 300, "period": "3h"}}; null lifts a limit. Also certificates-per-registered-domain, ' +
        'certificates-per-exact-set, authorization-failures, consecutive-authorization-failures; and reserve, the share that is ' +
        'kept for renewals (0.2).',
      parse: rateLimits,
    },
  },
  Ingresses: {
    namespace: {
      variable: 'LEGO_NAMESPACE',
      placeholder: 'NAME',
      description:
        'The namespace that kube-lego runs in: its account Secret and challenge Ingress are there.',
      fallback: 'default',
      parse: values.namespaceName,
    },
    watchNamespaces: {
      variable: 'LEGO_WATCH_NAMESPACE',
      placeholder: 'NAMES',
      description: 'Namespaces whose Ingresses are seen to, separated by commas. Unset: all of them.',
      fallback: '',
      parse: values.listOf(values.namespaceName),
    },
    annotationKey: {
      variable: 'LEGO_KUBE_ANNOTATION',
      placeholder: 'KEY',
      description:
        'Annotation that puts an Ingress under the care of this kube-lego; another one lets a second kube-lego run beside it.',
      fallback: usualAnnotationKey,
      parse: values.annotationKey,
    },
    supportedIngressClasses: {
      variable: 'LEGO_SUPPORTED_INGRESS_CLASS',
      placeholder: 'CLASSES',
      description: 'Classes whose Ingresses are seen to, separated by commas. Unset: every class.',
      parse: values.listOf(values.objectName),
    },
    defaultIngressClass: {
      variable: 'LEGO_DEFAULT_INGRESS_CLASS',
      placeholder: 'CLASS',
      description: 'What LEGO_SUPPORTED_INGRESS_CLASS takes the class of an Ingress that names none to be.',
      parse: values.objectName,
    },
    hostOwnership: {
      variable: 'LEGO_HOST_OWNERSHIP',
      placeholder: 'RULE',
      description:
        'oldest: a host that Ingresses of several namespaces name belongs to the namespace with the oldest of them. ' +
        'any: each of these namespaces gets a certificate for it.',
      fallback: 'oldest',
      parse: values.oneOf('oldest', 'any'),
    },
  },
  'Challenge and self-check': {
    ingressName: {
      variable: 'LEGO_INGRESS_NAME',
      placeholder: 'NAME',
      description: 'Ingress that leads challenges to kube-lego while hosts are being validated.',
      fallback: 'kube-lego',
      parse: values.objectName,
    },
    leftoverIngressName: {
      variable: 'LEGO_INGRESS_NAME_NGINX',
      placeholder: 'NAME',
      description: 'Challenge Ingress that the kube-lego of 2016 left behind; it is removed.',
      fallback: 'kube-lego-nginx',
      parse: values.objectName,
    },
    serviceName: {
      variable: 'LEGO_SERVICE_NAME',
      placeholder: 'NAME',
      description: "Service in kube-lego's namespace that leads to its responder.",
      fallback: 'kube-lego',
      parse: values.objectName,
    },
    legacyServiceName: {
      variable: 'LEGO_SERVICE_NAME_NGINX',
      placeholder: 'NAME',
      description: 'The older name of LEGO_SERVICE_NAME, used where that one is not set.',
      parse: values.objectName,
    },
    servicePort: {
      variable: 'LEGO_SERVICE_PORT',
      placeholder: 'PORT',
      description: 'Port of that Service. Unset: the same as LEGO_PORT.',
      parse: values.port,
    },
    challengeIngressAnnotations: {
      variable: 'LEGO_CHALLENGE_INGRESS_ANNOTATIONS',
      placeholder: 'ANNOTATIONS',
      description:
        'Further annotations of the challenge Ingress that an ingress controller needs: key=value pairs separated by ' +
        'commas, or a JSON object. See docs/ingress-controllers.md.',
      fallback: '',
      parse: values.annotations,
    },
    challengePathType: {
      variable: 'LEGO_CHALLENGE_PATH_TYPE',
      placeholder: 'TYPES',
      description:
        'pathType of the challenge rules, ImplementationSpecific or Prefix; another one for a class as CLASS=TYPE, ' +
        'separated by commas.',
      fallback: 'ImplementationSpecific',
      parse: values.pathTypes,
    },
    selfCheckTimeout: {
      variable: 'LEGO_SELF_CHECK_TIMEOUT',
      placeholder: 'DURATION',
      description:
        'How long a host may take to lead challenges to kube-lego, before the attempt is given up or the CA is asked.',
      fallback: '30s',
      parse: values.duration(second, 10 * minute),
    },
    dnsServers: {
      variable: 'LEGO_DNS_SERVERS',
      placeholder: 'ADDRESSES',
      description:
        'DNS servers that see what the CA sees, for the self-check, separated by commas. With them a name that does not ' +
        "exist costs no order. Unset: the pod's own.",
      parse: values.listOf(values.dnsServer),
    },
    http01Port: {
      variable: 'LEGO_HTTP01_PORT',
      placeholder: 'PORT',
      description: 'Port that the CA validates at; another one than 80 only with a private CA.',
      fallback: '80',
      parse: values.port,
    },
    httpsPort: {
      variable: 'LEGO_HTTPS_PORT',
      placeholder: 'PORT',
      description:
        'Port that the CA follows redirects to https to; another one than 443 only with a private CA.',
      fallback: '443',
      parse: values.port,
    },
  },
  'Ports and logs': {
    port: {
      variable: 'LEGO_PORT',
      placeholder: 'PORT',
      description: 'Where the responder answers challenges.',
      fallback: '8080',
      parse: values.port,
    },
    healthPort: {
      variable: 'LEGO_METRICS_PORT',
      placeholder: 'PORT',
      description: 'Where /healthz, /readyz and /metrics are.',
      fallback: '9402',
      parse: values.port,
    },
    inspectorPort: {
      variable: 'LEGO_INSPECTOR_PORT',
      placeholder: 'PORT',
      description: 'Where the state of every Ingress can be seen, on 127.0.0.1 only.',
      fallback: '9403',
      parse: values.port,
    },
    statelyInspector: {
      variable: 'LEGO_STATELY_INSPECTOR',
      placeholder: 'SWITCH',
      description:
        'on: at LEGO_INSPECTOR_PORT, under /stately, a WebSocket for the receivers of @statelyai/inspect and for the inspector of ' +
        'stately.ai, whose page then sees the names of Ingresses, Secrets and hosts. off: there is none.',
      fallback: 'off',
      parse: values.oneOf('on', 'off'),
    },
    logLevel: {
      variable: 'LEGO_LOG_LEVEL',
      placeholder: 'LEVEL',
      description: 'The least severe lines that are logged: debug, info, warn or error.',
      fallback: 'info',
      parse: values.logLevel,
    },
    logType: {
      variable: 'LEGO_LOG_TYPE',
      placeholder: 'TYPE',
      description: 'json, text, or auto: text on a terminal and JSON elsewhere.',
      fallback: 'auto',
      parse: values.oneOf('auto', 'json', 'text'),
    },
  },
} as const satisfies Record<string, Record<string, Option<unknown>>>;

/** Variables of the kube-lego of 2016 that have no meaning any more, and why. */
export const obsoleteVariables: Readonly<Record<string, string>> = {
  LEGO_POD_IP: 'challenges come through the Service',
  LEGO_SERVICE_SELECTOR: 'the Service is part of the manifests and is not made by kube-lego',
  LEGO_SERVICE_NAME_GCE: 'there is no special treatment of GCE',
  LEGO_INGRESS_NAME_GCE: 'there is no special treatment of GCE',
  LEGO_SUPPORTED_INGRESS_PROVIDER: 'the class of an Ingress says what is needed',
  LEGO_DEFAULT_INGRESS_PROVIDER: 'the class of an Ingress says what is needed',
  LEGO_KUBE_API_URL: "the pod's ServiceAccount or the KUBECONFIG file says where the API server is",
  LEGO_EXPONENTIAL_BACKOFF_MAX_ELAPSED_TIME: 'the CA says how long to wait',
  LEGO_EXPONENTIAL_BACKOFF_MAX_INITIAL_INTERVAL: 'the CA says how long to wait',
  LEGO_EXPONENTIAL_BACKOFF_MAX_MULTIPLIER: 'the CA says how long to wait',
};

/** `--check-interval` for `LEGO_CHECK_INTERVAL`. */
export function flagOf(variable: string): string {
  return `--${variable.slice('LEGO_'.length).toLowerCase().replaceAll('_', '-')}`;
}

/** All settings, whatever their group. */
export function allOptions(): Option<unknown>[] {
  return Object.values(optionGroups).flatMap((group) => Object.values<Option<unknown>>(group));
}
