// What ingress controllers make of several Ingresses with one host (docs/ingress-controllers.md). Ownership follows it, so that a
// certificate is ordered for whom the controller serves, and challenge rules keep within what a site survives. Called by host-index.ts,
// and by the HTTP-01 solver.

/** In which order a controller takes the Ingresses of a host: the oldest first, and those of one second in this order. */
export interface IngressOrder {
  /** Which of two comes first: by `namespace/name`, or by uid. */
  readonly equalAge: 'lower-name' | 'higher-name' | 'larger-uid';
  /** An Ingress that has no rule for the host does not bring a certificate for it. */
  readonly needsRule: boolean;
  /** False: a guess, because the controller is not known, or its order is not. */
  readonly known: boolean;
}

export interface IngressController {
  /** Rules for one host from several Ingresses, in several namespaces, count together; undefined: not known. */
  readonly merges: boolean | undefined;
  /** Undefined: any certificate that covers the host is served, whichever Ingress names it. */
  readonly order: IngressOrder | undefined;
}

const guess: IngressOrder = { equalAge: 'lower-name', needsRule: false, known: false };
const unknown: IngressController = { merges: undefined, order: guess };

/** GKE Ingress has no IngressClass: this is our name for it. */
export const gkeIngress = 'GKE Ingress';

/** By `IngressClass.spec.controller`. Sources are in docs/ingress-controllers.md. */
const controllers: readonly (readonly [RegExp, IngressController])[] = [
  // Its `--controller-class` appends `/NAME`. Source: `sortIngress` and `syncIngressHTTP` of its converter; run with 0.16.
  [
    /^haproxy-ingress\.github\.io\/controller(?:\/|$)/,
    { merges: true, order: { equalAge: 'lower-name', needsRule: false, known: true } },
  ],
  // Its `--controller-class` is any name; those of its docs are like the usual one. Source: `sortIngressSlice` of its store,
  // `createServers`, which looks at the hosts of rules only.
  [
    /^k8s\.io\/[\w-]*ingress-nginx[\w-]*$/,
    { merges: true, order: { equalAge: 'higher-name', needsRule: true, known: true } },
  ],
  // Source: its docs, "TLS": all certificates are in one store, and the client's server name chooses.
  [/^traefik\.io\/ingress-controller$/, { merges: true, order: undefined }],
  [/^haproxy\.org\/ingress-controller(?:\/|$)/, { merges: true, order: guess }],
  [/^projectcontour\.io\//, { merges: true, order: guess }],
  [/^ingress-controllers\.konghq\.com\/kong$/, { merges: true, order: guess }],
  // F5 NGINX Ingress Controller: the first Ingress owns a host, the others are rejected; merging only by its own master/minion
  // annotations. Source: docs.nginx.com, "Host and Listener collisions"; `chooseObjectMetaWinner`; run with 5.5.
  [
    /^nginx\.org\/ingress-controller$/,
    { merges: false, order: { equalAge: 'larger-uid', needsRule: true, known: true } },
  ],
  // AWS Load Balancer Controller: each Ingress gets its own ALB and address; sharing needs the annotation group.name on both.
  // Source: its guide, "Ingress annotations", IngressGroup. The other name: EKS Auto Mode, EKS user guide.
  [/^(?:ingress\.k8s\.aws|eks\.amazonaws\.com)\/alb$/, { merges: false, order: guess }],
  // A load balancer for each Ingress. Source: Google Cloud, "GKE Ingress for Application Load Balancers".
  [/^GKE Ingress$/, { merges: false, order: guess }],
];

/** @param name `IngressClass.spec.controller`; undefined if it is not known */
export function ingressController(name: string | undefined): IngressController {
  return controllers.find(([names]) => names.test(name ?? ''))?.[1] ?? unknown;
}
