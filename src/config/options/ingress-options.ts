import { hour } from '../../../machines/time/durations.ts';
import * as values from '../values.ts';
import type { Option } from './option.ts';

/** As in the kube-lego of 2016. */
export const usualAnnotationKey = 'kubernetes.io/tls-acme';

export const ingressOptions = {
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
      'How long a host stays with its namespace when no Ingress or Gateway there names it any more, so that nobody else gets it while one ' +
      'is deleted and created again.',
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
} as const satisfies Record<string, Option<unknown>>;
