import type {
  AllowedNamespaces,
  CertificateReference,
  LabelSelector,
  ListenerReading,
} from '../../../machines/gateway/gateway-objects.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import {
  gatewayGroup,
  hostnameField,
  nameField,
  numberField,
  recordsIn,
  stringsIn,
  textField,
} from './bounded-fields.ts';

/** Of one listener, as the CRDs have it. */
export const mostCertificateRefs = 64;
const mostKinds = 8;
const mostLabels = 64;
const mostValues = 64;

type SpecOfListener = Omit<ListenerReading, 'accepted' | 'conflicted' | 'programmed'>;

/**
 * An element of `spec.listeners`, without what `status` says of it; undefined without a name.
 *
 * @param namespace of the Gateway or ListenerSet
 */
export function projectListener(listener: unknown, namespace: string): SpecOfListener | undefined {
  const name = nameField(listener, 'name');
  if (name === undefined) return undefined;
  const tls = recordField(listener, 'tls');
  const allowed = recordField(listener, 'allowedRoutes');
  const protocol = textField(listener, 'protocol') ?? '';
  const hostname = hostnameField(listener, 'hostname');
  return {
    name,
    port: numberField(listener, 'port') ?? 0,
    protocol,
    ...(hostname === undefined ? {} : { hostname }),
    ...(tls === undefined ? {} : { tlsMode: textField(tls, 'mode') ?? 'Terminate' }),
    certificateRefs: recordsIn(tls, 'certificateRefs', mostCertificateRefs).flatMap((reference) =>
      certificateReference(reference, namespace),
    ),
    allowedRoutes: projectAllowed(recordField(allowed, 'namespaces'), 'Same'),
    allowsHttpRoutes: allowsHttpRoutes(recordsIn(allowed, 'kinds', mostKinds), protocol),
  };
}

function certificateReference(reference: unknown, own: string): CertificateReference[] {
  const name = nameField(reference, 'name');
  if (name === undefined) return [];
  const namespace = nameField(reference, 'namespace') ?? own;
  const kind = textField(reference, 'kind') ?? 'Secret';
  return [{ group: textField(reference, 'group') ?? '', kind, namespace, name }];
}

/** @param fallback where nothing is said */
export function projectAllowed(
  namespaces: Record<string, unknown> | undefined,
  fallback: 'Same' | 'None',
): AllowedNamespaces {
  const from = stringField(namespaces, 'from') ?? fallback;
  const selector = from === 'Selector' ? labelSelector(recordField(namespaces, 'selector')) : undefined;
  if (selector !== undefined) return { from: 'Selector', selector };
  // Of a value that we do not know nobody can say what it lets in.
  return { from: from === 'All' || from === 'Same' ? from : 'None' };
}

/** Undefined if there is none, which selects nothing, or one that is not read in full: a part of it may select more. */
function labelSelector(selector: Record<string, unknown> | undefined): LabelSelector | undefined {
  if (selector === undefined) return undefined;
  const required = recordField(selector, 'matchLabels') ?? {};
  const matchLabels = stringsIn(required, mostLabels);
  const isCut = Object.keys(matchLabels).length < Object.keys(required).length;
  const expressions = arrayField(selector, 'matchExpressions');
  if (isCut || expressions.length > mostLabels || expressions.some(hasManyValues)) return undefined;
  const matchExpressions = expressions.map((expression) => ({
    key: textField(expression, 'key', 2 * 256) ?? '',
    operator: textField(expression, 'operator') ?? '',
    values: arrayField(expression, 'values')
      .filter((value) => typeof value === 'string')
      .map((value) => value.slice(0, 256)),
  }));
  return { matchLabels, matchExpressions };
}

function hasManyValues(expression: unknown): boolean {
  return arrayField(expression, 'values').length > mostValues;
}

/** Where no kinds are named, the protocol decides (Gateway API, `AllowedNamespaces.kinds`). */
function allowsHttpRoutes(kinds: readonly Record<string, unknown>[], protocol: string): boolean {
  if (kinds.length === 0) return protocol === 'HTTP' || protocol === 'HTTPS';
  return kinds.some(
    (one) =>
      stringField(one, 'kind') === 'HTTPRoute' &&
      (stringField(one, 'group') ?? gatewayGroup) === gatewayGroup,
  );
}
