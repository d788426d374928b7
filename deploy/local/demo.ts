import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, styleText } from 'node:util';
import type { IngressView } from '../../machines/ingress/ingress-view.ts';
import { sourceKey, sourceName } from '../../machines/ownership/source-key.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { Authority } from './authority.ts';
import { deadHost, demoGateway, demoNamespaces, demoObjects, demoZone, foreignHost } from './demo-objects.ts';
import { isProfileName, profiles } from './edge/profiles.ts';
import { type HttpsVisit, visit } from './https-visit.ts';
import { LocalError } from './local-error.ts';
import { applyManifests, applyObjects } from './manifests.ts';
import { scriptOptions } from './script-options.ts';
import { stateTable } from './state-table.ts';
import { startWorld, type World, zonesDocument } from './world.ts';

const help = `npm run demo [-- OPTIONS]

Starts a Kubernetes API server, an ACME CA, a DNS server and an ingress controller on this machine, runs kube-lego under
its own manifests, creates Ingresses of every kind and a Gateway, and shows their states while they get their certificates.

  --once          end when all is settled: exit code 0 if everything came out as it should, else 1; after three minutes
                  at the latest, with what is not settled
  --profile NAME  which ingress controller the local one behaves like (default local: like none, and at once):
                  ${Object.keys(profiles).join(', ')}
  --delay MS      how long it takes to take up a change (default: as the profile has it)
  --help          this text`;

const values = scriptOptions('demo', () => {
  const { values: given } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      profile: { type: 'string', default: 'local' },
      delay: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { profile, delay: takeUp } = given;
  if (!isProfileName(profile)) {
    throw new Error(`--profile=${profile}: must be one of ${Object.keys(profiles).join(', ')}.`);
  }
  if (takeUp !== undefined && !/^\d{1,6}$/.test(takeUp)) {
    throw new Error(`--delay=${takeUp}: must be a number of milliseconds, six digits at most.`);
  }
  return { ...given, profile, delay: takeUp === undefined ? undefined : Number(takeUp) };
});

const settings = { LEGO_SELF_CHECK_TIMEOUT: '10s', LEGO_GATEWAY_API: 'on' };
/** Time limit of --once until all is settled, in milliseconds. */
const onceLimit = 180_000;
/** Time limit of the ingress controller to serve a Secret, beyond --delay, in milliseconds. */
const servingLimit = 5_000;
const sourceKinds = [
  ['Ingress', '/apis/networking.k8s.io/v1/ingresses'],
  ['Gateway', '/apis/gateway.networking.k8s.io/v1/gateways'],
] as const;

async function run(): Promise<void> {
  try {
    process.exitCode = await demonstrate();
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

async function demonstrate(): Promise<number> {
  const { profile, delay: takeUp } = values;
  say('Starting API server, CA, DNS server and ingress controller …');
  await using world = await startWorld({
    namespaces: ['default', ...demoNamespaces],
    services: ['default/hello-world'],
    zones: [demoZone],
    gatewayApi: true,
    edge: { profile, ...(takeUp === undefined ? {} : { delay: takeUp }) },
  });
  await world.dns.setNoAddress(deadHost);
  const authority = new Authority('Commercial CA');
  const foreign = authority.issue({ hosts: [foreignHost] });
  say(
    'Creating Ingresses and a Gateway: examples/hello-world.yaml, and those of deploy/local/demo-objects.ts …',
  );
  await applyManifests(world.cluster.adminKubeconfig, [
    fileURLToPath(new URL('../../examples/hello-world.yaml', import.meta.url)),
  ]);
  const zones = zonesDocument(world.zoneServer, 'namespaces: shop');
  await applyObjects(world.cluster.adminKubeconfig, [zones, ...demoObjects(foreign), ...demoGateway()]);
  say('Starting kube-lego under the ServiceAccount and the RBAC of deploy/base …');
  say(`Live page: http://127.0.0.1:${world.ports.inspector}/\n`);
  const controller = await world.startController(settings);
  // Until here an interruption just ends this process, and the session's reaper the servers.
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

  const screen = new Screen();
  const keys = await annotatedSources(world);
  let visited: boolean | undefined;
  while (!interrupted.signal.aborted) {
    const views = await controller.views();
    screen.show(views);
    const unsettled = keys.filter((key) => !views.some((view) => view.ingress === key && isSettled(view)));
    if (values.once && performance.now() > onceLimit) {
      sayUnsettled(unsettled, views);
      return 1;
    }
    if (visited === undefined && unsettled.length === 0) {
      const roots = [await world.pebble.rootPem(), authority.certificatePem];
      visited = await visitHosts(world, views, roots);
      if (values.once) return visited ? 0 : 1;
      explainHowToGoOn(world);
      screen.startAnew();
    }
    await delay(200, undefined, { signal: interrupted.signal }).catch(() => undefined);
  }
  say('\nStopping.');
  await controller.stop();
  return 0;
}

/** Control Sequence Introducer (ECMA-48). */
const csi = '\u001B[';

/** Redraws the table in place on a terminal; elsewhere prints a line for each change of state. */
class Screen {
  #lines = 0;
  #states = new Map<string, string>();

  show(views: readonly IngressView[]): void {
    if (!process.stdout.isTTY) {
      for (const view of views) {
        if (this.#states.get(view.ingress) === view.state) continue;
        this.#states.set(view.ingress, view.state);
        say(`${new Date(view.since).toISOString()}  ${view.ingress}: ${view.state}`);
      }
      return;
    }
    const lines = stateTable(views, Date.now(), process.stdout.columns).split('\n');
    const shown = lines.slice(0, process.stdout.rows - 2);
    if (shown.length < lines.length) shown.push(`… and ${lines.length - shown.length} lines more`);
    const back = this.#lines === 0 ? '' : `${csi}${this.#lines}F${csi}J`;
    // A line that the terminal wraps would count as two.
    process.stdout.write(`${back}${csi}?7l${shown.join('\n')}\n${csi}?7h`);
    this.#lines = shown.length;
  }

  /** Keeps what was printed in between. */
  startAnew(): void {
    this.#lines = 0;
  }
}

/** The managed Ingresses and Gateways, as a view names them. */
async function annotatedSources(world: World): Promise<string[]> {
  const keys = sourceKinds.map(async ([kind, path]) =>
    arrayField(await world.api.expect(path), 'items').flatMap((source) => {
      const metadata = recordField(source, 'metadata');
      const isAnnotated = recordField(metadata, 'annotations')?.['kubernetes.io/tls-acme'] === 'true';
      const [namespace = '', name = ''] = [stringField(metadata, 'namespace'), stringField(metadata, 'name')];
      return isAnnotated ? [sourceName(sourceKey({ kind, namespace, name }))] : [];
    }),
  );
  return (await Promise.all(keys)).flat();
}

function isSettled({ state }: IngressView): boolean {
  return state === 'idle' || state === 'backing-off';
}

function sayUnsettled(keys: readonly string[], views: readonly IngressView[]): void {
  say(`\nNot settled after ${onceLimit / 1000} s:`);
  for (const key of keys) {
    const view = views.find(({ ingress }) => ingress === key);
    say(`  ${mark(false)} ${key} ${view === undefined ? 'is unknown to kube-lego' : `is ${view.state}`}`);
    for (const problem of view?.problems ?? []) say(`      ${problem}`);
  }
}

/** @returns whether each host is as expected */
async function visitHosts(
  world: World,
  views: readonly IngressView[],
  roots: readonly string[],
): Promise<boolean> {
  if (!process.stdout.isTTY) say(`\n${stateTable(views, Date.now(), 120)}`);
  say('\nVisiting the hosts over HTTPS, certificates verified against the root of the CA:');
  let good = true;
  // Some host that the wildcard is for.
  for (const host of views.flatMap(({ hosts }) => hosts.map((one) => one.replace(/^\*/, 'any')))) {
    const { expected, status, certificate, error } = await visitHost(host, world.edge.httpsPort, roots);
    good &&= expected;
    const found =
      certificate === undefined
        ? `no certificate${host === deadHost ? ', as expected: it does not resolve' : ''} (${error ?? ''})`
        : `${status}, issued by ${certificate.issuer}, valid until ${new Date(certificate.validTo).toISOString().slice(0, 10)}`;
    say(`  ${mark(expected)} https://${host}/  ${found}`);
  }
  const { status } = await world.api.request('/api/v1/namespaces/legacy/secrets/plain-tls');
  const left = status === 404;
  say(`  ${mark(left)} Ingress legacy/not-annotated is not managed, and has no Secret`);
  return good && left;
}

/** Visits the host until it is as expected, within the time limit of the ingress controller. */
async function visitHost(
  host: string,
  port: number,
  roots: readonly string[],
): Promise<HttpsVisit & { readonly expected: boolean }> {
  const limit = performance.now() + (values.delay ?? 0) + servingLimit;
  for (;;) {
    const found = await visit(host, port, roots);
    const expected = found.status === (host === deadHost ? undefined : 200);
    if (expected || performance.now() > limit) return { ...found, expected };
    await delay(100);
  }
}

function mark(good: boolean): string {
  return styleText(good ? 'green' : 'red', good ? '✓' : '✗');
}

function explainHowToGoOn(world: World): void {
  const variables = {
    KUBECONFIG: world.cluster.adminKubeconfig,
    ...world.settings,
    ...settings,
    LEGO_INSPECTOR_PORT: String(world.ports.inspector),
  };
  const exports = Object.entries(variables).map(([name, value]) => `  export ${name}=${value}\n`);
  say(`
All keeps running until Ctrl-C. To explore, or to create your own Ingresses, in another terminal:

${exports.join('')}
  kubectl get ingress,gateway,httproute,secret -A
  kubectl describe ingress -n blog dead-host
  npm run -s kube-lego -- status
  npm run -s kube-lego -- explain blog/dead-host
  npm run -s kube-lego -- explain gateway gateways/public

The page is at http://127.0.0.1:${world.ports.inspector}/
All host names resolve to this machine; the ingress controller is on ports ${world.edge.httpPort} and ${world.edge.httpsPort}.
`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

if (values.help) process.stdout.write(`${help}\n`);
else await run();
