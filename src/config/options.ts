import { day, hour, minute, second } from '../../machines/time/durations.ts';
import { rateLimits } from './rate-limit-setting.ts';
import * as values from './values.ts';

/** One setting. The flag's name is the variable's: `LEGO_CHECK_INTERVAL` is `--check-interval`. */
export interface Option<T> {
  readonly variable: `LEGO_${string}`;
  /** Placeholder of the value in `--help`. */
  readonly placeholder: string;
  /** Full sentences. */
  readonly description: string;
  /** The default, in the form of an option. */
  readonly fallback?: string;
  /** Never shown, and has no flag, because command lines are visible to everybody on a machine. */
  readonly secret?: boolean;
  readonly parse: values.Parser<T>;
}

/** As in the kube-lego of 2016. */
export const usualAnnotationKey = 'kubernetes.io/tls-acme';
export const defaultDirectoryUrl = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** All settings by group; parsing, `--help` and docs/configuration.md use this table. */
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
  },
  Certificates: {
    checkInterval: {
      variable: 'LEGO_CHECK_INTERVAL',
      placeholder: 'DURATION',
      description: 'How often each Secret is checked, in addition to every change of its Ingress.',
      fallback: '8h',
      parse: values.durationWithin(second, 720 * hour),
    },
    secretWatch: {
      variable: 'LEGO_SECRET_WATCH',
      placeholder: 'SWITCH',
      description:
        'on: the metadata of TLS Secrets is watched, so that a deleted or damaged one is repaired within seconds. Needs ' +
        'deploy/components/secret-watch (deploy/namespaced/secret-watch for chosen namespaces), whose verbs allow reading ' +
        'all Secrets there. off: a Secret is read by its name, at changes of its Ingress and every LEGO_CHECK_INTERVAL.',
      fallback: 'off',
      parse: values.oneOf('on', 'off'),
    },
    minimumValidity: {
      variable: 'LEGO_MINIMUM_VALIDITY',
      placeholder: 'DURATION',
      description:
        'A certificate is renewed when less than this is left, or less than a third of its lifetime (half for lifetimes ' +
        'under 10 days), whichever is shorter.',
      fallback: '720h',
      parse: values.durationWithin(hour, 365 * day),
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
      description: 'RSA key size, 2048, 3072 or 4096. Older form of LEGO_KEY_TYPE.',
      parse: values.oneOf('2048', '3072', '4096'),
    },
    commonName: {
      variable: 'LEGO_COMMON_NAME',
      placeholder: 'WHICH',
      description:
        'first: the first host of at most 64 characters is the common name that the CA is asked for, which some CAs insist on. none: ' +
        'there is none.',
      fallback: 'none',
      parse: values.oneOf('first', 'none'),
    },
    maxOrdersInFlight: {
      variable: 'LEGO_MAX_ORDERS_IN_FLIGHT',
      placeholder: 'NUMBER',
      description: 'Orders in flight at the CA at a time, besides those that wait for name servers (DNS-01).',
      fallback: '10',
      parse: values.wholeNumber(1, 100),
    },
    rehearse: {
      variable: 'LEGO_REHEARSE',
      placeholder: 'WHEN',
      description:
        'first: a set of hosts without a certificate is ordered from the staging CA (LEGO_REHEARSAL_URL) first, and from LEGO_URL ' +
        'when that succeeded, so that misconfigured hosts use up no limits. never: directly from LEGO_URL.',
      fallback: 'never',
      parse: values.oneOf('first', 'never'),
    },
    rehearsalUrl: {
      variable: 'LEGO_REHEARSAL_URL',
      placeholder: 'URL',
      description:
        "Directory of the staging CA for LEGO_REHEARSE. Unset: Let's Encrypt's, if LEGO_URL is Let's Encrypt's.",
      parse: values.directoryUrl,
    },
    rateLimits: {
      variable: 'LEGO_RATE_LIMITS',
      placeholder: 'JSON',
      description:
        "What differs from the limits that kube-lego knows of Let's Encrypt, or those of another CA, such as " +
        '{"orders-per-account": {"burst": 300, "period": "3h"}}; null lifts a limit. Also certificates-per-registered-domain, ' +
        'certificates-per-exact-set, authorization-failures, consecutive-authorization-failures; and reserve, the share ' +
        'kept for renewals (0.2).',
      parse: rateLimits,
    },
  },
  Ingresses: {
    namespace: {
      variable: 'LEGO_NAMESPACE',
      placeholder: 'NAME',
      description: 'The namespace that kube-lego runs in, with its account Secret and challenge Ingress.',
      fallback: 'default',
      parse: values.namespaceName,
    },
    watchNamespaces: {
      variable: 'LEGO_WATCH_NAMESPACE',
      placeholder: 'NAMES',
      description: 'Namespaces whose Ingresses and Gateways are managed, separated by commas. Unset: all.',
      fallback: '',
      parse: values.listOf(values.namespaceName),
    },
    annotationKey: {
      variable: 'LEGO_KUBE_ANNOTATION',
      placeholder: 'KEY',
      description:
        'Annotation by which this kube-lego manages an Ingress or a Gateway. A second kube-lego needs another one.',
      fallback: usualAnnotationKey,
      parse: values.annotationKey,
    },
    supportedIngressClasses: {
      variable: 'LEGO_SUPPORTED_INGRESS_CLASS',
      placeholder: 'CLASSES',
      description:
        'Ingress classes that are managed, separated by commas. Unset: every class. Ingresses of other ones are left to another kube-lego.',
      parse: values.listOf(values.objectName),
    },
    defaultIngressClass: {
      variable: 'LEGO_DEFAULT_INGRESS_CLASS',
      placeholder: 'CLASS',
      description:
        'The class of an Ingress that names none, for LEGO_SUPPORTED_INGRESS_CLASS and for the spelling of challenge rules.',
      parse: values.objectName,
    },
    ingressControllers: {
      variable: 'LEGO_INGRESS_CONTROLLER',
      placeholder: 'CONTROLLERS',
      description:
        'The ingress controllers of classes, as CLASS=CONTROLLER, separated by commas, for classes without an IngressClass, or where ' +
        'IngressClasses may not be read; it comes before what they say. CONTROLLER is what IngressClass.spec.controller would be, ' +
        'such as nginx.org/ingress-controller.',
      fallback: '',
      parse: values.classControllers,
    },
    gatewayApi: {
      variable: 'LEGO_GATEWAY_API',
      placeholder: 'SWITCH',
      description:
        'on: Gateways and ListenerSets with the annotation get certificates, too, as soon as the API server knows these kinds: see ' +
        'docs/gateway.md. Needs deploy/components/gateway. off: nothing of Gateway API is read.',
      fallback: 'off',
      parse: values.oneOf('on', 'off'),
    },
    hostOwnership: {
      variable: 'LEGO_HOST_OWNERSHIP',
      placeholder: 'RULE',
      description:
        'namespace: a host that several namespaces name belongs to the one that kube-lego was last issued a certificate for it for, ' +
        'else to the first that routes it. any: each of these namespaces gets a certificate for it. What ' +
        'kube-lego.io/domains on a Namespace reserves is respected in both cases.',
      fallback: 'namespace',
      // `oldest` is the former name of `namespace`.
      parse: values.oneOf('namespace', 'any', 'oldest'),
    },
    hostGrace: {
      variable: 'LEGO_HOST_GRACE',
      placeholder: 'DURATION',
      description:
        'How long a host stays with its namespace when no Ingress there names it any more, so that nobody else gets it while an ' +
        'Ingress is deleted and created again.',
      fallback: '5m',
      parse: values.durationWithin(0, 24 * hour),
    },
    requireDomains: {
      variable: 'LEGO_REQUIRE_DOMAINS',
      placeholder: 'SWITCH',
      description:
        'true: only hosts that the annotation kube-lego.io/domains of a Namespace reserves for it get a certificate. false: so do hosts ' +
        'that are reserved for nobody.',
      fallback: 'false',
      parse: values.oneOf('true', 'false'),
    },
  },
  'Challenge and self-check': {
    ingressName: {
      variable: 'LEGO_INGRESS_NAME',
      placeholder: 'NAME',
      description: 'Ingress that routes challenges to kube-lego while hosts are being validated.',
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
      description:
        "Service in kube-lego's namespace that routes to its responder; also in the annotation kube-lego.io/service of its " +
        'ServiceAccount.',
      fallback: 'kube-lego',
      parse: values.objectName,
    },
    legacyServiceName: {
      variable: 'LEGO_SERVICE_NAME_NGINX',
      placeholder: 'NAME',
      description: 'Older name of LEGO_SERVICE_NAME, used if that is not set.',
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
        'commas, or a JSON object. The admission policies want them listed: see docs/ingress-controllers.md.',
      fallback: '',
      parse: values.annotations,
    },
    challengeIngressLabels: {
      variable: 'LEGO_CHALLENGE_INGRESS_LABELS',
      placeholder: 'LABELS',
      description:
        'Further labels of the challenge Ingress: key=value pairs separated by commas, or a JSON object. The admission policies want ' +
        'them listed: see docs/ingress-controllers.md.',
      fallback: '',
      parse: values.labels,
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
      description: 'How long the self-check waits for a host to route challenges to kube-lego.',
      fallback: '30s',
      parse: values.durationWithin(second, 10 * minute),
    },
    propagationDelay: {
      variable: 'LEGO_PROPAGATION_DELAY',
      placeholder: 'DURATION',
      description:
        'How long an order waits for the ingress controller to take up the challenge rule where kube-lego.io/self-check is "false", ' +
        'or where the rules of the site have changed since the self-check.',
      fallback: '10s',
      parse: values.durationWithin(0, 10 * minute),
    },
    dnsServers: {
      variable: 'LEGO_DNS_SERVERS',
      placeholder: 'ADDRESSES',
      description:
        'DNS servers that see what the CA sees, for the self-check and the zones of DNS-01, separated by commas. With them a name that does not ' +
        "exist, or has only addresses that the internet cannot reach, costs no order. Unset: the pod's own.",
      parse: values.listOf(values.dnsServer),
    },
    dnsZones: {
      variable: 'LEGO_DNS_ZONES',
      placeholder: 'NAME',
      description:
        "ConfigMap in kube-lego's namespace with the DNS zones whose hosts are proven by DNS-01, wildcards among them: see docs/dns-01.md, and " +
        'deploy/components/dns-01. Unset: there is no DNS-01.',
      parse: values.objectName,
    },
    dnsPropagationTimeout: {
      variable: 'LEGO_DNS_PROPAGATION_TIMEOUT',
      placeholder: 'DURATION',
      description:
        'How long an order waits for all authoritative name servers to have the record of a DNS-01 challenge.',
      fallback: '3m',
      parse: values.durationWithin(second, 9 * minute),
    },
    http01Port: {
      variable: 'LEGO_HTTP01_PORT',
      placeholder: 'PORT',
      description: 'Port that the CA validates at; other than 80 only with a private CA.',
      fallback: '80',
      parse: values.port,
    },
    httpsPort: {
      variable: 'LEGO_HTTPS_PORT',
      placeholder: 'PORT',
      description: 'Port at which the CA follows redirects to https; other than 443 only with a private CA.',
      fallback: '443',
      parse: values.port,
    },
  },
  'Objects that kube-lego writes': {
    objectLabels: {
      variable: 'LEGO_OBJECT_LABELS',
      placeholder: 'LABELS',
      description:
        'Labels of every object that kube-lego writes (TLS Secrets, the challenge Ingress, its records, Events), for policies that require ' +
        'them: key=value pairs separated by commas, or a JSON object. What a Secret has already stays as it is. The admission policies ' +
        'want them listed in the annotation kube-lego.io/object-labels of its ServiceAccount, as key=value or key.',
      fallback: '',
      parse: values.labels,
    },
    objectAnnotations: {
      variable: 'LEGO_OBJECT_ANNOTATIONS',
      placeholder: 'ANNOTATIONS',
      description:
        'Annotations of every object that kube-lego writes, likewise; listed in the annotation kube-lego.io/object-annotations of its ' +
        'ServiceAccount.',
      fallback: '',
      parse: values.objectAnnotations,
    },
  },
  'Leader election': {
    podName: {
      variable: 'LEGO_POD_NAME',
      placeholder: 'NAME',
      description:
        'Name of the pod, by which the Lease kube-lego tells processes apart. The Deployment sets it. Unset: the host name and a ' +
        'random part.',
      parse: values.objectName,
    },
    leaseDuration: {
      variable: 'LEGO_LEASE_DURATION',
      placeholder: 'DURATION',
      description:
        'When another process may take over from one that does not renew the Lease; one that stops hands over at once. The leader ' +
        'acts no more after two thirds of it without the API server.',
      fallback: '60s',
      parse: values.durationWithin(3 * second, hour),
    },
  },
  'Ports and logs': {
    port: {
      variable: 'LEGO_PORT',
      placeholder: 'PORT',
      description: 'Port of the responder, which answers challenges.',
      fallback: '8080',
      parse: values.port,
    },
    metricsPort: {
      variable: 'LEGO_METRICS_PORT',
      placeholder: 'PORT',
      description:
        'Port of /metrics, for Prometheus. It answers /healthz and /readyz too, for manifests of 1.0.0-alpha.1.',
      fallback: '9402',
      parse: values.port,
    },
    healthPort: {
      variable: 'LEGO_HEALTH_PORT',
      placeholder: 'PORT',
      description: "Port of /healthz and /readyz, for the kubelet's probes alone.",
      fallback: '9404',
      parse: values.port,
    },
    inspectorPort: {
      variable: 'LEGO_INSPECTOR_PORT',
      placeholder: 'PORT',
      description: 'Port of the inspector page, on 127.0.0.1 only.',
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
      description: 'Lowest level that is logged: debug, info, warn or error.',
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

/** Obsolete variables of the kube-lego of 2016, and why. */
export const obsoleteVariables: Readonly<Record<string, string>> = {
  LEGO_POD_IP: 'challenges come through the Service',
  LEGO_SERVICE_SELECTOR: 'the Service is part of the manifests',
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

/** All settings of all groups. */
export function allOptions(): Option<unknown>[] {
  return Object.values(optionGroups).flatMap((group) => Object.values<Option<unknown>>(group));
}
