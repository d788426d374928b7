import type { Backend, IngressObject, Path } from './objects.ts';

/** What one Ingress says about one host. */
export interface Claim {
  /** 'namespace/name' of the Ingress */
  readonly ingress: string;
  readonly createdAt: number;
  readonly sslRedirect: boolean;
  /** whether a rule of the Ingress names the host; false if only its tls section does */
  readonly hasRule: boolean;
  readonly paths: readonly Path[];
  readonly defaultBackend: Backend | undefined;
  /** whether the Ingress's tls section lists the host */
  readonly tls: boolean;
  /** 'namespace/name' of the Secret for the host */
  readonly secret: string | undefined;
}

export interface Route {
  readonly claim: Claim;
  readonly path: string;
  /** Default: the Ingress's default backend, which takes what no path of the host matches */
  readonly type: Path['type'] | 'Default';
  readonly backend: Backend | undefined;
}

/** The routes of one host, from all the Ingresses that name it. */
export interface HostRoutes {
  /** whether any rule names the host */
  readonly known: boolean;
  /** in order of precedence */
  readonly routes: readonly Route[];
  /** the claims whose Ingress lists the host under tls, oldest first */
  readonly tls: readonly Claim[];
}

/** Every claim of an Ingress, by host. */
export function claimsOf(key: string, ingress: IngressObject): Map<string, Claim> {
  const claims = new Map<string, Claim>();
  const base = { ingress: key, createdAt: ingress.createdAt, sslRedirect: ingress.sslRedirect };
  const none = { hasRule: false, paths: [], defaultBackend: ingress.defaultBackend, tls: false };
  for (const { host, paths } of ingress.rules) {
    const former = claims.get(host)?.paths ?? [];
    claims.set(host, { ...base, ...none, secret: undefined, hasRule: true, paths: [...former, ...paths] });
  }
  if (ingress.rules.length === 0 && ingress.defaultBackend !== undefined) {
    claims.set('', { ...base, ...none, secret: undefined, hasRule: true });
  }
  for (const { hosts, secret } of ingress.tls) {
    for (const host of hosts) {
      const claim = claims.get(host) ?? { ...base, ...none, secret };
      if (!claim.tls) claims.set(host, { ...claim, tls: true, secret });
    }
  }
  return claims;
}

/**
 * Merges the claims on one host. In mode 'merge' every rule counts; in mode 'oldest' the oldest Ingress with a rule for
 * the host has it alone, as F5 NGINX does with its ordinary Ingresses.
 */
export function mergeClaims(claims: Iterable<Claim>, mode: 'merge' | 'oldest'): HostRoutes {
  const byAge = [...claims].toSorted(olderFirst);
  const owner = byAge.find((claim) => claim.hasRule);
  const admitted = mode === 'merge' || owner === undefined ? byAge : [owner];
  const routes = admitted.flatMap((claim) => claim.paths.map((path): Route => ({ claim, ...path })));
  for (const claim of admitted) {
    if (claim.hasRule && claim.defaultBackend !== undefined) {
      routes.push({ claim, path: '', type: 'Default', backend: claim.defaultBackend });
    }
  }
  return {
    known: owner !== undefined,
    routes: routes.toSorted(byPrecedence),
    tls: admitted.filter((claim) => claim.tls),
  };
}

/** Whether a route takes a request path (without its query). */
export function matches({ type, path }: Pick<Route, 'path' | 'type'>, requestPath: string): boolean {
  return pathTypes[type].matches(path, requestPath);
}

interface PathSemantics {
  matches(path: string, requestPath: string): boolean;
  /** how long the path counts as; the longest wins */
  length(path: string): number;
}

const pathTypes: Record<Route['type'], PathSemantics> = {
  Exact: {
    matches: (path, requestPath) => requestPath === path,
    length: (path) => path.length,
  },
  // Element by element and without regard to a final slash, as the Ingress API documents.
  Prefix: {
    matches: (path, requestPath) => {
      const prefix = withoutFinalSlash(path);
      const next = requestPath.charAt(prefix.length);
      return requestPath.startsWith(prefix) && (next === '' || next === '/');
    },
    length: (path) => Math.max(1, withoutFinalSlash(path).length),
  },
  // A plain prefix, as with the common controllers.
  ImplementationSpecific: {
    matches: (path, requestPath) => requestPath.startsWith(path),
    length: (path) => path.length,
  },
  Default: {
    matches: () => true,
    length: () => -1,
  },
};

/** Longest path first, then Exact (both as the Ingress API documents), then the older Ingress. */
function byPrecedence(a: Route, b: Route): number {
  return (
    pathTypes[b.type].length(b.path) - pathTypes[a.type].length(a.path) ||
    Number(b.type === 'Exact') - Number(a.type === 'Exact') ||
    olderFirst(a.claim, b.claim)
  );
}

/** Creation times are whole seconds, so ties are common; ingress-nginx breaks them by namespace and name. */
function olderFirst(a: Claim, b: Claim): number {
  return a.createdAt - b.createdAt || (a.ingress < b.ingress ? -1 : Number(a.ingress > b.ingress));
}

function withoutFinalSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
