import type { AllowedNamespaces, LabelSelector } from './gateway-objects.ts';

/**
 * Whether a listener lets in routes of a namespace, or a Gateway its ListenerSets.
 *
 * @param own namespace of the Gateway or ListenerSet
 * @param labelsOf labels of a Namespace
 */
export function lets(
  allowed: AllowedNamespaces,
  own: string,
  namespace: string,
  labelsOf: (namespace: string) => Readonly<Record<string, string>>,
): boolean {
  switch (allowed.from) {
    case 'All':
      return true;
    case 'Same':
      return namespace === own;
    case 'Selector':
      return selects(allowed.selector, labelsOf(namespace));
    case 'None':
      return false;
    default:
      return allowed satisfies never;
  }
}

/** As the API server does; an unknown operator selects nothing. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const valueOf = (key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const equal = Object.entries(selector.matchLabels).every(([key, value]) => valueOf(key) === value);
  return (
    equal &&
    selector.matchExpressions.every(({ key, operator, values }) => {
      const value = valueOf(key);
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
