import { minute, second } from '../../../machines/time/durations.ts';
import * as values from '../values.ts';
import type { Option } from './option.ts';

export const challengeOptions = {
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
    description:
      'How long the self-check waits for a host to route challenges to kube-lego. A wrong answer is asked for once more at its end.',
    fallback: '30s',
    parse: values.durationWithin(second, 10 * minute),
  },
  propagationDelay: {
    variable: 'LEGO_PROPAGATION_DELAY',
    placeholder: 'DURATION',
    description:
      'How long an order waits for the ingress controller to take up the challenge rule where kube-lego.io/self-check is "false", ' +
      'or where the rules of the site have changed since the self-check; and how long after the removal of a challenge rule the next self-check of its hosts waits.',
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
} as const satisfies Record<string, Option<unknown>>;
