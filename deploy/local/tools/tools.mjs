// What the commands of this repository use beside their own code and has to come through Go: programs that it builds, and
// definitions of kinds out of modules that it only downloads. Which they are, where they are kept, and whether Go can make them. Who calls it: the launcher, which knows from here before it installs anything
// whether Go is needed, so plain JavaScript for Node 20; build.ts; tool-path.ts.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Built plainly, the API server says that its version is v0.0.0, which some clients refuse. */
const apiServerVersion = '-X k8s.io/component-base/version.gitVersion=v1.36.3';
const servers = { module: 'servers', flags: [`-ldflags=-s -w ${apiServerVersion}`] };
const kustomize = { module: 'kustomize', flags: ['-ldflags=-s -w'] };
const helm = { module: 'helm', flags: ['-ldflags=-s -w'] };
/** A program of our own, in Go's standard library alone. */
const keyPairs = { module: 'key-pairs', flags: ['-ldflags=-s -w'], sources: ['main.go'] };
/** Service discovery, which is most of Prometheus, is left out. */
const promtool = { module: 'promtool', flags: ['-tags=remove_all_sd', '-ldflags=-s -w'] };

function gatewayApi(version, files) {
  const paths = files.map((file) => `config/crd/${file}.yaml`);
  return { module: 'gateway-api', download: `sigs.k8s.io/gateway-api@${version}`, files: paths };
}
const certManagerKinds = ['certificates', 'issuers', 'clusterissuers'];

/**
 * In the order in which they are made: the quick ones first, so that an interrupted build has something to show.
 * `module` is the folder of its go.mod: one module cannot hold them all, their requirements exclude each other.
 */
export const recipes = {
  'gateway-api-crds': gatewayApi('v1.7.0', [
    'standard/gateway.networking.k8s.io_gatewayclasses',
    'standard/gateway.networking.k8s.io_gateways',
    'standard/gateway.networking.k8s.io_httproutes',
    'standard/gateway.networking.k8s.io_listenersets',
    'standard/gateway.networking.k8s.io_referencegrants',
  ]),
  // The last one with XListenerSet, and without ReferenceGrant v1.
  'older-gateway-api-crds': gatewayApi('v1.4.1', [
    'standard/gateway.networking.k8s.io_gatewayclasses',
    // With allowedListeners, without which there is no XListenerSet.
    'experimental/gateway.networking.k8s.io_gateways',
    'standard/gateway.networking.k8s.io_httproutes',
    'standard/gateway.networking.k8s.io_referencegrants',
    'experimental/gateway.networking.x-k8s.io_xlistenersets',
  ]),
  'cert-manager-crds': {
    module: 'cert-manager',
    download: 'github.com/cert-manager/cert-manager@v1.21.2',
    files: certManagerKinds.map((kind) => `deploy/crds/cert-manager.io_${kind}.yaml`),
  },
  'load-key-pairs': { ...keyPairs, package: 'kube-lego.io/deploy/local/tools/key-pairs' },
  pebble: { ...servers, package: 'github.com/letsencrypt/pebble/v2/cmd/pebble' },
  'pebble-challtestsrv': { ...servers, package: 'github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv' },
  kustomize: { ...kustomize, package: 'sigs.k8s.io/kustomize/kustomize/v5' },
  etcd: { ...servers, package: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': { ...servers, package: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  helm: { ...helm, package: 'helm.sh/helm/v4/cmd/helm' },
  promtool: { ...promtool, package: 'github.com/prometheus/prometheus/cmd/promtool' },
};

export const toolNames = Object.keys(recipes);

/** @returns whether the text is the name of a tool */
export function isToolName(text) {
  return Object.hasOwn(recipes, text);
}

/** The folder that holds a go.mod. */
export function moduleFolder(module) {
  return fileURLToPath(new URL(`${module}/`, import.meta.url));
}

/** `$XDG_CACHE_HOME/kube-lego/tools`, or the same under ~/.cache (XDG Base Directory Specification). */
export function cacheRoot(environment) {
  const configured = environment.XDG_CACHE_HOME;
  // The specification says to ignore a path that is not absolute.
  const base =
    configured !== undefined && isAbsolute(configured)
      ? configured
      : join(environment.HOME ?? homedir(), '.cache');
  return join(base, 'kube-lego', 'tools');
}

/** Where the tool is kept once it is made. Its folder's name changes with all that decides what is in it. */
export function cachePath(name, environment) {
  const { module, sources = [], flags, download, files } = recipes[name];
  const hash = createHash('sha256').update(JSON.stringify(flags ?? [download, files]));
  for (const file of ['go.mod', 'go.sum', ...sources])
    hash.update(readFileSync(join(moduleFolder(module), file)));
  const key = hash.digest('hex').slice(0, 16);
  return join(cacheRoot(environment), `${module}-${key}-${process.platform}-${process.arch}`, name);
}

/** @returns the path of the tool in $KUBEBUILDER_ASSETS, else in the cache; undefined if it is in neither */
export function findTool(name, environment) {
  const assets = environment.KUBEBUILDER_ASSETS;
  const candidates = [...(assets ? [join(assets, name)] : []), cachePath(name, environment)];
  return candidates.find('package' in recipes[name] ? isExecutable : isFile);
}

/** What keeps Go from building these tools, with the remedy; undefined if nothing does. */
export function goProblem(names, environment) {
  const oldest = oldestGo(names);
  const wanted = oldest.join('.');
  const purpose = `Go ${wanted} or newer is needed once, to build ${names.join(', ')}`;
  const remedy =
    'Install it (https://go.dev/dl/) and make sure that `go` is in PATH, or set KUBEBUILDER_ASSETS to a folder that holds ' +
    'these programs.';
  // Not in a module's folder, where GOTOOLCHAIN=auto would fetch a newer Go behind the user's back.
  const run = spawnSync('go', ['version'], {
    cwd: tmpdir(),
    env: environment,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (run.error?.code === 'ENOENT') return `${purpose}, and there is no \`go\` in PATH. ${remedy}`;
  const found = /\bgo(\d+\.\d+(?:\.\d+)?)/.exec(run.stdout ?? '')?.[1];
  if (found === undefined) {
    const detail = (run.stderr || run.error?.message || 'it says nothing').trim();
    return `${purpose}, but \`go version\` does not work here: ${detail}. ${remedy}`;
  }
  if (compareVersions(numbers(found), oldest) >= 0) return undefined;
  return `${purpose}, and the \`go\` in PATH is ${found}. ${remedy}`;
}

/** The newest `go` line among the modules of these tools, as numbers. */
function oldestGo(names) {
  const versions = names.map((name) => {
    const text = readFileSync(join(moduleFolder(recipes[name].module), 'go.mod'), 'utf8');
    return numbers(/^go (\S+)$/m.exec(text)?.[1] ?? '');
  });
  return versions.toSorted(compareVersions).at(-1) ?? [];
}

function numbers(version) {
  return version.split('.').map(Number);
}

function compareVersions(a, b) {
  for (const index of [0, 1, 2]) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
