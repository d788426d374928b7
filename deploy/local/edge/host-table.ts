import type { Backend, IngressObject, Path } from './objects.ts';
import type { Behaviour } from './profiles.ts';

/** What one Ingress says about one host. */
export interface Claim {
  /** 'namespace/name' of the Ingress */
  readonly ingress: string;
  readonly uid: string;
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
  /** the claims whose Ingress lists the host under tls, the first Ingress first */
  readonly tls: readonly Claim[];
}

/** Every claim of an Ingress, by host. */
export function claimsOf(
  key: string,
  ingress: IngressObject,
  { defaultBackend: scope }: Pick<Behaviour, 'defaultBackend'>,
): Map<string, Claim> {
  const claims = new Map<string, Claim>();
  const { uid, createdAt, sslRedirect, defaultBackend } = ingress;
  const ofEveryHost = scope === 'every-host' || ingress.rules.length === 0;
  const none: Claim = {
    ingress: key,
    uid,
    createdAt,
    sslRedirect,
    hasRule: false,
    paths: [],
    tls: false,
    secret: undefined,
    defaultBackend: ofEveryHost ? undefined : defaultBackend,
  };
  if (ofEveryHost && defaultBackend !== undefined) claims.set('', { ...none, hasRule: true, defaultBackend });
  for (const { host, paths } of ingress.rules) {
    const former = claims.get(host) ?? none;
    claims.set(host, { ...former, hasRule: true, paths: [...former.paths, ...paths] });
  }
  for (const { hosts, secret } of ingress.tls) {
    for (const host of hosts) {
      const claim = claims.get(host) ?? none;
      if (!claim.tls) claims.set(host, { ...claim, tls: true, secret });
    }
  }
  return claims;
}

/** Merges the claims on one host. */
export function mergeClaims(
  claims: Iterable<Claim>,
  { sharing, equalAge }: Pick<Behaviour, 'sharing' | 'equalAge'>,
): HostRoutes {
  const firstBefore = orderOf(equalAge);
  const inOrder = [...claims].toSorted(firstBefore);
  const owner = inOrder.find((claim) => claim.hasRule);
  const admitted = sharing === 'merge' || owner === undefined ? inOrder : [owner];
  const routes = admitted.flatMap((claim) => claim.paths.map((path): Route => ({ claim, ...path })));
  for (const claim of admitted) {
    if (claim.hasRule && claim.defaultBackend !== undefined) {
      routes.push({ claim, path: '', type: 'Default', backend: claim.defaultBackend });
    }
  }
  return {
    known: owner !== undefined,
    routes: routes.toSorted((one, other) => byPath(one, other) || firstBefore(one.claim, other.claim)),
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

/** Longest path first, then Exact, as the Ingress API documents. */
function byPath(one: Route, other: Route): number {
  return (
    pathTypes[other.type].length(other.path) - pathTypes[one.type].length(one.path) ||
    Number(other.type === 'Exact') - Number(one.type === 'Exact')
  );
}

/** Oldest first. Creation times are whole seconds, so ties are common. */
function orderOf(equalAge: Behaviour['equalAge']): (one: Claim, other: Claim) => number {
  const tie = tieBreaks[equalAge];
  return (one, other) => one.createdAt - other.createdAt || tie(one, other);
}

const tieBreaks: Record<Behaviour['equalAge'], (one: Claim, other: Claim) => number> = {
  'lower-name': (one, other) => compare(one.ingress, other.ingress),
  'higher-name': (one, other) => compare(other.ingress, one.ingress),
  'larger-uid': (one, other) => compare(other.uid, one.uid),
};

function compare(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

function withoutFinalSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
