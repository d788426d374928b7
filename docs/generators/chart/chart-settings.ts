import type { Option } from '../../../src/config/options/option.ts';
import { optionGroups } from '../../../src/config/options.ts';

/** A setting of kube-lego as a value of the chart. */
export interface ChartSetting {
  /** the variable's name in camelCase, without LEGO_ */
  readonly key: string;
  readonly option: Option<unknown>;
  /** JSON Schema */
  readonly schema: object;
}

/** Variables that the chart itself sets, by what they come from. */
export const setByChart: Readonly<Record<string, string>> = {
  LEGO_NAMESPACE: 'the namespace of the release',
  LEGO_POD_NAME: 'the name of the pod',
  LEGO_SERVICE_NAME: 'the name of the Service',
  LEGO_SERVICE_NAME_NGINX: 'the name of the Service',
  LEGO_SERVICE_PORT: '`service.port`',
  LEGO_PORT: 'always its default',
  LEGO_METRICS_PORT: 'always its default',
  LEGO_HEALTH_PORT: 'always its default',
  LEGO_WATCH_NAMESPACE: '`watchNamespaces`',
  LEGO_SECRET_WATCH: '`secretWatch`',
  LEGO_DNS_ZONES: '`dns01.enabled`',
  LEGO_GATEWAY_API: '`gateway.enabled`',
  LEGO_CA_BUNDLE: '`caBundle`',
  LEGO_EAB_KID: '`eab.keyId`',
  LEGO_EAB_HMAC_KEY: '`eab.existingSecret`',
  LEGO_EAB_HMAC_KEY_FILE: '`eab.existingSecret`',
};

/** Every other one that is no secret, in the order of docs/configuration.md. */
export function chartSettings(): ChartSetting[] {
  return Object.values(optionGroups)
    .flatMap((group) => Object.values<Option<unknown>>(group))
    .filter(({ variable, secret }) => !(variable in setByChart) && secret !== true)
    .map((option) => ({ key: keyOf(option.variable), option, schema: typeOf(option) }));
}

function keyOf(variable: string): string {
  const [first = '', ...others] = variable.slice('LEGO_'.length).toLowerCase().split('_');
  return first + others.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** Which form a value takes follows from what `--help` calls it. */
function typeOf({ placeholder, fallback }: Option<unknown>): object {
  if (['NUMBER', 'PORT', 'BITS'].includes(placeholder)) return { type: 'integer' };
  if (placeholder === 'SWITCH') {
    return fallback === 'true' || fallback === 'false' ? { type: 'boolean' } : { enum: ['on', 'off'] };
  }
  if (placeholder === 'JSON') return { type: 'object' };
  if (['LABELS', 'ANNOTATIONS'].includes(placeholder)) {
    return { type: 'object', additionalProperties: { type: 'string' } };
  }
  if (['NAMES', 'CLASSES', 'CONTROLLERS', 'ADDRESSES', 'TYPES'].includes(placeholder)) {
    return { type: 'array', items: { type: 'string' } };
  }
  return { type: 'string' };
}
