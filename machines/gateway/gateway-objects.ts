// What kube-lego reads of Gateway API objects, bounded by the projections of src/sources/gateway. Called by the sources, which derive
// from it who asks for which names, and by the HTTP-01 solver, which places challenge routes.

import type { SourceSpec } from '../ownership/source-spec.ts';

export type GatewayKind = 'Gateway' | 'ListenerSet';

/** Reference to a Gateway or ListenerSet. */
export interface GatewayReference {
  readonly kind: GatewayKind;
  readonly namespace: string;
  readonly name: string;
}

/** What our annotations on the object say, as on an Ingress. */
export type SourceSettings = Pick<
  SourceSpec,
  | 'enabled'
  | 'misplacedAdopt'
  | 'retry'
  | 'keyType'
  | 'profile'
  | 'selfCheck'
  | 'keystore'
  | 'challenge'
  | 'certManager'
  | 'status'
>;

/** A Gateway or ListenerSet that is not being deleted. */
export interface GatewayReading extends GatewayReference {
  readonly uid: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly generation: number;
  readonly settings: SourceSettings;
  /** `kube-lego.io/wildcard: "true"`: a listener's wildcard hostname asks for a wildcard certificate. */
  readonly wildcards: boolean;
  /** The Gateway of a ListenerSet. */
  readonly parent?: { readonly namespace: string; readonly name: string } | undefined;
  /** Whose ListenerSets may attach to a Gateway (`spec.allowedListeners`). */
  readonly allowedListeners: AllowedNamespaces;
  readonly listeners: readonly ListenerReading[];
  /** Number of listeners, certificateRefs and annotations that were not read. */
  readonly excess?:
    | {
        readonly listeners: number;
        readonly certificateRefs: number;
        readonly annotations: readonly string[];
      }
    | undefined;
}

export interface CertificateReference {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  /** That of the Gateway or ListenerSet if the reference has none. */
  readonly namespace: string;
  readonly name: string;
}

/** Of which namespaces objects may attach: routes to a listener (`allowedRoutes`), ListenerSets to a Gateway. */
export type AllowedNamespaces =
  | { readonly from: 'All' | 'Same' | 'None' }
  | { readonly from: 'Selector'; readonly selector: LabelSelector };

/** A metav1.LabelSelector. */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly {
    readonly key: string;
    /** `In`, `NotIn`, `Exists` or `DoesNotExist`. */
    readonly operator: string;
    readonly values: readonly string[];
  }[];
}

/** A listener of `spec.listeners`, with its entry of `status.listeners`. */
export interface ListenerReading {
  readonly name: string;
  readonly port: number;
  /** Such as `HTTP` or `HTTPS`. */
  readonly protocol: string;
  /** Lower case, without trailing dot; undefined: all hosts. */
  readonly hostname?: string | undefined;
  /** `tls.mode`; `Terminate` if there is `tls` without a mode, undefined without `tls`. */
  readonly tlsMode?: string | undefined;
  readonly certificateRefs: readonly CertificateReference[];
  readonly allowedRoutes: AllowedNamespaces;
  /** Whether HTTPRoutes may attach (`allowedRoutes.kinds`). */
  readonly allowsHttpRoutes: boolean;
  /** Condition `Accepted`; undefined if there is none yet. */
  readonly accepted?: boolean | undefined;
  /** Condition `Conflicted` is true: another listener has its port and hostname. */
  readonly conflicted: boolean;
  /** Condition `Programmed`; undefined if there is none yet. */
  readonly programmed?: boolean | undefined;
}

/** A parentRef of a route; `kind` is `Gateway` or `ListenerSet`, others are left out. */
export interface ParentReference extends GatewayReference {
  readonly sectionName?: string | undefined;
  readonly port?: number | undefined;
}

/** A condition of `status.parents`. */
export interface ParentCondition {
  readonly status: boolean;
  readonly reason: string;
  /** Anybody's text, cut. */
  readonly message: string;
  readonly observedGeneration: number | undefined;
}

/** An entry of `status.parents`. */
export interface ParentStatus {
  readonly parentRef: ParentReference;
  readonly accepted: ParentCondition | undefined;
  readonly resolvedRefs: ParentCondition | undefined;
}

/** An HTTPRoute that is not being deleted. */
export type RouteReading = SiteRoute | ChallengeRouteReading;

/** Anybody's, who may have written thousands: no more is kept than what decides about names. */
export interface SiteRoute {
  readonly ours: false;
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Lower case, without trailing dot; empty: all hosts of the listener. */
  readonly hostnames: readonly string[];
  /** The parentRefs that a Gateway or ListenerSet has accepted. */
  readonly attached: readonly ParentReference[];
  /** The others. Implementations serve a route before they say so, so one of them may be in force. */
  readonly unaccepted: readonly ParentReference[];
}

/** A challenge route of kube-lego, by its label. */
export interface ChallengeRouteReading {
  readonly ours: true;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly hostnames: readonly string[];
  readonly parentRefs: readonly ParentReference[];
  readonly parents: readonly ParentStatus[];
}

export interface GrantReading {
  readonly namespace: string;
  readonly from: readonly {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
  }[];
  readonly to: readonly {
    readonly group: string;
    readonly kind: string;
    /** Undefined: all of this kind. */
    readonly name?: string | undefined;
  }[];
}
