// What a Gateway or ListenerSet asks for: which of its listeners want a certificate, in which Secrets, for which names. Called by the
// source (src/sources/gateway) whenever something of that may have changed, and by explain.

import { isWildcard } from '../hosts/host-names.ts';
import type { SourceSpec, TlsEntry } from '../ownership/source-spec.ts';
import { someOf } from '../reasons/foreign-text.ts';
import type { Failure } from '../reasons/reasons.ts';
import type {
  CertificateReference,
  GatewayReading,
  GrantReading,
  ListenerReading,
} from './gateway-objects.ts';
import { isGranted } from './grants.ts';
import { listenerNames, mostServed } from './listener-names.ts';
import { type Attachment, isAttachedTo } from './route-attachment.ts';

export interface GatewaySurroundings {
  /** Attached to the Gateway or ListenerSet. */
  readonly routes: readonly Attachment[];
  readonly grants: readonly GrantReading[];
  /** Labels of a Namespace. */
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>>;
  /** Names that the CA allows in one certificate. */
  readonly mostNames: number;
}

/** Its part of a `SourceSpec`. */
export interface GatewayRequest extends Pick<SourceSpec, 'tls' | 'ruleHosts'> {
  readonly notices: readonly Failure[];
  readonly awaited: readonly string[];
}

const nothing: GatewayRequest = Object.freeze({ tls: [], ruleHosts: [], notices: [], awaited: [] });

interface Asking {
  readonly secretName: string;
  readonly names: readonly string[];
  /** Not its own hostname. */
  readonly ofRoutes: boolean;
}

/** Of one listener: a Secret in the namespace of the Gateway, or why there is none. */
type Target = { readonly secretName: string } | Failure | 'none';

/**
 * A listener asks if it terminates TLS and names a Secret. One that the Gateway's implementation refuses does not: it serves nobody, and the
 * names of a conflict belong to the other listener. Several listeners with one Secret get one certificate for the names of all.
 *
 * Without annotation a Gateway asks for nothing and claims no host either: nobody's challenge is led through it.
 */
export function gatewayRequest(gateway: GatewayReading, surroundings: GatewaySurroundings): GatewayRequest {
  if (!gateway.settings.enabled) return nothing;
  const { grants, labelsOf, mostNames } = surroundings;
  const routes = surroundings.routes.toSorted(byAge);
  const notices: Failure[] = [];
  const claimed = new Set<string>();
  const names = new Map<string, Set<string>>();
  const beyond = new Map<string, Set<string>>();
  const asking: Asking[] = [];
  for (const listener of gateway.listeners) {
    const target = targetOf(gateway, listener, grants);
    if (target === 'none') continue;
    if ('code' in target) {
      notices.push(target);
      continue;
    }
    const { hostname } = listener;
    const isSpecific = hostname !== undefined && !isWildcard(hostname);
    const attached = routes.values().filter((route) => isAttachedTo(route, gateway, listener, labelsOf));
    const { certified, unasked } = listenerNames(gateway, listener, attached);
    for (const name of [...certified, ...unasked]) {
      if (isSpecific || claimed.size < mostServed) claimed.add(name);
    }
    notices.push(...noticesAbout(listener, certified, unasked));
    asking.push({
      secretName: target.secretName,
      names: certified,
      ofRoutes: !isSpecific,
    });
  }
  for (const { secretName, names: all } of asking.toSorted(ownFirst)) {
    const kept = names.get(secretName) ?? new Set();
    names.set(secretName, kept);
    for (const name of all) {
      if (kept.has(name) || kept.size < mostNames) kept.add(name);
      else beyond.set(secretName, (beyond.get(secretName) ?? new Set()).add(name));
    }
  }
  for (const [secretName, left] of beyond) {
    const message = `Secret ${secretName} would need a certificate for more hosts than the CA allows, ${mostNames}. Those of the youngest HTTPRoutes are left out: ${someOf([...left])}.`;
    notices.push({ code: 'TooManyHosts', message });
  }
  const ofRoutes = new Set(asking.filter((one) => one.ofRoutes).map((one) => one.secretName));
  const tls = [...names].flatMap(([secretName, hosts]): TlsEntry[] =>
    hosts.size === 0
      ? []
      : [{ secretName, hosts: [...hosts], ...(ofRoutes.has(secretName) ? { separable: true } : {}) }],
  );
  return { tls, ruleHosts: [...claimed], notices, awaited: [...names.keys()] };
}

function targetOf(
  gateway: GatewayReading,
  listener: ListenerReading,
  grants: readonly GrantReading[],
): Target {
  const { name, protocol, tlsMode, certificateRefs, conflicted, accepted } = listener;
  const terminates = (protocol === 'HTTPS' || protocol === 'TLS') && tlsMode === 'Terminate';
  if (!terminates) return 'none';
  if (conflicted) {
    const message = `Listener ${name} has the port and hostname of another one, which comes first.`;
    return { code: 'ListenerConflicted', message };
  }
  if (accepted === false) {
    return { code: 'ListenerNotAccepted', message: `Listener ${name} is not accepted.` };
  }
  const reference = certificateRefs.find(isSecret);
  if (reference === undefined) {
    return { code: 'MissingSecretName', message: `Listener ${name} names no Secret in tls.certificateRefs.` };
  }
  if (reference.namespace === gateway.namespace) return { secretName: reference.name };
  const from = { group: gatewayGroup, kind: gateway.kind, namespace: gateway.namespace };
  const to = { group: '', kind: 'Secret', namespace: reference.namespace, name: reference.name };
  const whose = `Listener ${name} names Secret ${reference.name} of namespace ${reference.namespace}`;
  return isGranted(grants, from, to)
    ? {
        code: 'SecretElsewhere',
        message: `${whose}, where kube-lego writes nothing for this ${gateway.kind}.`,
      }
    : { code: 'SecretNotGranted', message: `${whose}, where no ReferenceGrant allows that.` };
}

function isSecret({ group, kind }: CertificateReference): boolean {
  return group === '' && kind === 'Secret';
}

function noticesAbout(
  { name, hostname }: ListenerReading,
  certified: readonly string[],
  unasked: readonly string[],
): Failure[] {
  const of = `Listener ${name} (${hostname ?? 'all hosts'})`;
  if (unasked.length > 0) {
    const message = `${of} serves ${someOf(unasked)}, and no annotation asks for a wildcard certificate.`;
    return [{ code: 'WildcardNotAsked', message }];
  }
  if (certified.length > 0) return [];
  return [{ code: 'NoRouteHostnames', message: `${of} has no HTTPRoute with a hostname yet.` }];
}

/** What routes add must not push out a listener's own name. */
function ownFirst(one: Asking, other: Asking): number {
  return Number(one.ofRoutes) - Number(other.ofRoutes);
}

function byAge(one: Attachment, other: Attachment): number {
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt;
  return `${one.namespace}/${one.name}` < `${other.namespace}/${other.name}` ? -1 : 1;
}

const gatewayGroup = 'gateway.networking.k8s.io';
