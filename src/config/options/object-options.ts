import * as values from '../values.ts';
import type { Option } from './option.ts';

export const objectOptions = {
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
} as const satisfies Record<string, Option<unknown>>;
