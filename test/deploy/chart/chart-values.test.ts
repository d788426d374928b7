import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Manifest } from '../../../deploy/local/manifests.ts';
import { type ChartSetting, chartSettings } from '../../../docs/generators/chart/chart-settings.ts';
import { type ChartValue, readChartValues } from '../../../docs/generators/chart/value-comments.ts';
import { readZones } from '../../../machines/zones/zone-document.ts';
import { isRecord, recordField } from '../../../src/process/json.ts';
import { configOf } from '../confinement.ts';
import { chartFolder, helm, renderChart, usualRelease } from './helm.ts';

const values = readChartValues(readFileSync(join(chartFolder, 'values.yaml'), 'utf8'));

/** Values that are not read: see values.yaml. */
const unread = ['global', 'settings'];

/** Another value than the default, which the schema allows. */
function otherValue({ annotation, fallback }: ChartValue): unknown {
  const [example] = annotation.examples ?? [];
  if (example !== undefined) return example;
  const choices = annotation['enum'];
  if (Array.isArray(choices)) return choices.find((choice) => choice !== fallback);
  if (typeof fallback === 'boolean') return !fallback;
  if (typeof fallback === 'number') return fallback + 1;
  if (typeof fallback === 'string') return 'other';
  return assert.fail(`an example is missing for ${JSON.stringify(fallback)}`);
}

function exampleOf({ schema }: ChartSetting): unknown {
  if (!('type' in schema)) return 'on';
  switch (schema.type) {
    case 'integer':
      return 7;
    case 'boolean':
      return true;
    case 'object':
      return { 'example.com/one': '1' };
    case 'array':
      return ['one', 'two'];
    default:
      return 'other';
  }
}

function isCollection(value: unknown): boolean {
  return isRecord(value) || Array.isArray(value);
}

/** Values by their path, on top of others. */
function nested(path: readonly string[], value: unknown, others: unknown = {}): Record<string, unknown> {
  const [key = '', ...rest] = path;
  const base = isRecord(others) ? others : {};
  return { ...base, [key]: rest.length === 0 ? value : nested(rest, value, base[key]) };
}

function variablesOf(manifests: readonly Manifest[]): string {
  return JSON.stringify(manifests.find(({ kind }) => kind === 'Deployment'));
}

describe('every value of the chart has an effect', { concurrency: 2 }, () => {
  for (const value of values.filter(({ path }) => !unread.includes(path.join('.')))) {
    it(value.path.join('.'), async () => {
      const needs = value.annotation.needs ?? {};
      assert.ok(isRecord(needs));
      const changed = nested(value.path, otherValue(value), needs);
      const [before, after] = await Promise.all([renderChart(needs), renderChart(changed)]);
      assert.notDeepEqual(after, before);
    });
  }

  const examples = Object.fromEntries(chartSettings().map((setting) => [setting.key, exampleOf(setting)]));

  for (const { key, option } of chartSettings()) {
    it(`settings.${key}`, async () => {
      const example = examples[key];
      const manifests = await renderChart({ settings: examples });
      if (['email', 'url'].includes(key)) {
        const settings = manifests.find(({ metadata }) => metadata.name === 'kube-lego-settings');
        assert.equal(recordField(settings, 'data')?.[`lego.${key}`], example);
        return;
      }
      const variables = variablesOf(manifests);
      const text = Array.isArray(example)
        ? example.join(',')
        : typeof example === 'string'
          ? example
          : JSON.stringify(example);
      assert.ok(variables.includes(JSON.stringify({ name: option.variable, value: text })), variables);
    });
  }
});

describe('a value without content', () => {
  // As in `podLabels:` above lines that are all commented out: Helm takes it for a request to forget the default.
  const others = {
    podMonitor: { enabled: true },
    prometheusRule: { enabled: true },
    dashboard: { enabled: true },
    networkPolicy: { restricted: true },
  };
  const collections = values.filter(
    ({ path, fallback }) => isCollection(fallback) && path.join('.') !== 'dns01.secrets',
  );

  function filled(content: (fallback: unknown) => unknown): object {
    return collections.reduce<Record<string, unknown>>(
      (given, { path, fallback }) => nested(path, content(fallback), given),
      others,
    );
  }

  it('is an empty one', async () => {
    const [none, empty] = await Promise.all([
      renderChart(filled(() => null)),
      // An empty object would leave a default as it is.
      renderChart(filled((fallback) => (Object.keys(Object(fallback)).length === 0 ? fallback : null))),
    ]);
    assert.deepEqual(none, empty);
  });

  it('is refused where RBAC would take it for everything', async () => {
    await assert.rejects(renderChart({ dns01: { enabled: true, secrets: null } }), /no names are all names/);
  });
});

describe('settings of every type', () => {
  it('are understood by kube-lego', async () => {
    const settings = {
      supportedIngressClass: ['public', 'internal'],
      objectLabels: { 'example.com/team': 'platform' },
      rateLimits: { 'orders-per-account': { burst: 1_000_000, period: '3h' } },
      requireDomains: true,
      http01Port: 5002,
      checkInterval: '2h',
    };
    const config = configOf(await renderChart({ settings, watchNamespaces: ['shop', 'blog'] }), 'kube-lego');
    assert.partialDeepStrictEqual(config, {
      supportedIngressClasses: settings.supportedIngressClass,
      objectMetadata: { labels: settings.objectLabels },
      requireDomains: true,
      http01Port: settings.http01Port,
      checkInterval: 7_200_000,
      watchNamespaces: ['shop', 'blog'],
    });
    assert.match(JSON.stringify(config.rateLimits), /1000000/);
  });
});

describe('DNS zones among the values', () => {
  const dns01 = {
    enabled: true,
    zones: {
      'shop.example': {
        provider: 'rfc2136',
        namespaces: ['shop', 'blog'],
        'tsig-key': 'kube-lego',
        secret: 'shop-zone',
      },
      'blog.example': { provider: 'external-dns', namespaces: '*', challenge: 'dns-01' },
    },
  };

  it('are the document that kube-lego reads, and their Secrets may be read', async () => {
    const manifests = await renderChart({ dns01 });
    const document = manifests.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'kube-lego-zones',
    );
    const { zones, invalid } = readZones(recordField(document, 'data') ?? {});
    assert.deepEqual(invalid, []);
    assert.partialDeepStrictEqual(zones, [
      { domain: 'blog.example', namespaces: 'any', challenge: 'dns-01' },
      {
        domain: 'shop.example',
        namespaces: ['shop', 'blog'],
        settings: { 'tsig-key': 'kube-lego', secret: 'shop-zone' },
      },
    ]);
    assert.equal(configOf(manifests, 'kube-lego').dnsZones, document?.metadata.name);
    const role = manifests.find(({ metadata }) => metadata.name === 'kube-lego-dns-01');
    assert.match(JSON.stringify(role), /\["kube-lego-zone","shop-zone"\]/);
  });

  it('are refused with a setting that none has, and without a provider', async () => {
    const zone = { provider: 'external-dns', tsigKey: 'kube-lego' };
    const zones = { 'a.example': zone, 'b.example': {}, 'c.example': { provider: 'no' } };
    await assert.rejects(renderChart({ dns01: { zones } }), (error: Error) => {
      assert.match(error.message, /zones\/a\.example': additional properties 'tsigKey'/);
      assert.match(error.message, /zones\/b\.example': missing property 'provider'/);
      assert.match(error.message, /zones\/c\.example\/provider': value must be one of/);
      return true;
    });
  });
});

describe('values that would contradict one another', () => {
  it('are refused', async () => {
    await assert.rejects(
      renderChart({ podMonitor: { enabled: true }, serviceMonitor: { enabled: true } }),
      /scrape every pod twice/,
    );
    const digest = `sha256:${'0'.repeat(64)}`;
    await assert.rejects(renderChart({ image: { tag: '1.0.0', digest } }), /no effect beside image\.digest/);
    const caBundle = { pem: 'PEM', existingConfigMap: 'roots' };
    await assert.rejects(renderChart({ caBundle }), /no effect beside caBundle\.pem/);
    const closed = { enabled: false, restricted: true };
    await assert.rejects(renderChart({ networkPolicy: closed }), /no effect without networkPolicy\.enabled/);
    const extraEgress = [{ ports: [{ port: 3128 }] }];
    await assert.rejects(renderChart({ networkPolicy: { extraEgress } }), /every egress is open/);
  });
});

describe('the schema of the chart', () => {
  /** What it has against these values, each with its place: Helm names all of it at once. */
  async function findingsOn(given: object): Promise<string[]> {
    const refusal = await renderChart(given).then(
      () => assert.fail('the values are accepted'),
      (error: unknown) => String(error),
    );
    return [...refusal.matchAll(/^ *- (at '.*)$/gm)]
      .map(([, finding = '']) => finding)
      .filter((finding) => !finding.endsWith(': validation failed'));
  }

  it('refuses a key that it does not know, wherever it is', async () => {
    const parents = [...new Set(values.map(({ path }) => path.slice(0, -1).join('/'))), 'settings'];
    const given = parents.reduce<Record<string, unknown>>(
      (others, parent) =>
        nested([...parent.split('/').filter((key) => key !== ''), 'unheardOf'], 'any', others),
      {},
    );
    const findings = parents.map(
      (parent) => `at '${parent === '' ? '' : `/${parent}`}': additional properties 'unheardOf' not allowed`,
    );
    assert.deepEqual((await findingsOn(given)).toSorted(), findings.toSorted());
  });

  it('refuses what is of another type', async () => {
    const findings = await findingsOn({
      replicas: 'two',
      settings: { rateLimits: '{}', statelyInspector: true },
      image: null,
      watchNamespaces: ['shop', 'shop', '', 'shop,blog', 'Shop'],
      fullnameOverride: 'My_certificates',
      // To RBAC no names are all names.
      dns01: { enabled: true, secrets: [] },
    });
    for (const expected of [
      /^at '\/replicas': got string/,
      /^at '\/settings\/rateLimits': got string/,
      /^at '\/settings\/statelyInspector': value must be one of/,
      /^at '': missing property 'image'$/,
      /^at '\/watchNamespaces': items at 0 and 1 are equal$/,
      /^at '\/watchNamespaces\/2': '' does not match/,
      /^at '\/watchNamespaces\/3': 'shop,blog' does not match/,
      /^at '\/watchNamespaces\/4': 'Shop' does not match/,
      /^at '\/fullnameOverride': 'My_certificates' does not match/,
      /^at '\/dns01\/secrets': minItems/,
    ]) {
      assert.ok(
        findings.some((finding) => expected.test(finding)),
        `${String(expected)}: ${findings.join('\n')}`,
      );
    }
  });
});

describe('what kube-lego may write to its objects', () => {
  it('is listed for the admission policies as it is set', async () => {
    const settings = {
      secretName: 'account',
      objectLabels: { 'example.com/team': 'platform' },
      challengeIngressAnnotations: { 'example.com/list': 'a, b', 'example.com/one': '1' },
    };
    const manifests = await renderChart({ settings });
    const account = manifests.find(({ kind }) => kind === 'ServiceAccount');
    assert.partialDeepStrictEqual(account?.metadata, {
      annotations: {
        'kube-lego.io/account-secret': 'account',
        'kube-lego.io/object-labels': 'example.com/team=platform',
        'kube-lego.io/challenge-annotations': 'example.com/list,example.com/one=1',
      },
    });
    const role = manifests.find(({ kind, metadata }) => kind === 'Role' && metadata.name === 'kube-lego');
    assert.match(JSON.stringify(role), /"account","kube-lego-journal-0","kube-lego-revocations"/);
    assert.doesNotMatch(JSON.stringify(role), /kube-lego-account/);
  });
});

describe('the notes of a release', () => {
  async function notesOf(values: object): Promise<string> {
    const { name, namespace } = usualRelease;
    const args = ['install', name, chartFolder, '--namespace', namespace, '--dry-run=client', '--values=-'];
    return (await helm(args, values)).split('\nNOTES:\n').at(-1) ?? '';
  }

  it('say what restricted network policies keep out', async () => {
    const proxy = { https: 'http://proxy.example:3128' };
    const [open, restricted] = await Promise.all([
      notesOf({ proxy }),
      notesOf({ proxy, networkPolicy: { restricted: true } }),
    ]);
    assert.doesNotMatch(open, /kubectl label|HTTP proxy/);
    for (const label of ['ingress-controller', 'prometheus']) {
      assert.match(
        restricted,
        new RegExp(`^ {2}kubectl label namespace \\S+ kube-lego\\.io/${label}=true$`, 'm'),
      );
    }
    assert.match(restricted, /^The HTTP proxy is reached only if its port is /m);
  });

  it('give the command that annotates a ServiceAccount of the operator, as a shell reads it', async () => {
    const settings = { challengeIngressAnnotations: { 'example.com/note': "it's" } };
    const notes = await notesOf({ settings, serviceAccount: { create: false, name: 'ours' } });
    assert.match(notes, /^ {2}kubectl annotate serviceaccount ours --namespace kube-lego --overwrite \\$/m);
    assert.ok(
      notes.includes("    'kube-lego.io/challenge-annotations=example.com/note=it'\\''s' \\\n"),
      notes,
    );
    assert.doesNotMatch(await notesOf({}), /kubectl annotate serviceaccount/);
  });
});

describe('kube-lego may write HTTPRoutes everywhere', () => {
  it('only where it is told of Gateways at all', async () => {
    for (const watchNamespaces of [[], ['shop']]) {
      const [without, off] = await Promise.all([
        renderChart({ watchNamespaces }),
        renderChart({ watchNamespaces, gateway: { sameNamespace: true } }),
      ]);
      assert.deepEqual(off, without);
    }
  });
});

describe('labels and annotations', () => {
  it('are there once each, whoever sets them, and the pods keep those that select them', async () => {
    // The parser refuses a key that is there twice.
    const manifests = await renderChart({
      commonLabels: { app: 'of-all', release: 'of-all' },
      podLabels: { app: 'of-pods' },
      podMonitor: { enabled: true, labels: { release: 'of-monitor' } },
      dashboard: { enabled: true, labels: { release: 'of-dashboard' } },
      serviceAccount: { annotations: { 'kube-lego.io/challenge-annotations': 'example.com/one' } },
    });
    const metadataOf = (name: string) => manifests.find(({ kind }) => kind === name)?.metadata;
    const deployment = manifests.find(({ kind }) => kind === 'Deployment');
    const template = recordField(recordField(deployment, 'spec'), 'template');
    assert.partialDeepStrictEqual(template, {
      metadata: { labels: { app: 'kube-lego', release: 'of-all' } },
    });
    assert.partialDeepStrictEqual(metadataOf('PodMonitor'), { labels: { release: 'of-monitor' } });
    assert.partialDeepStrictEqual(metadataOf('ConfigMap'), { labels: { release: 'of-dashboard' } });
    assert.partialDeepStrictEqual(metadataOf('ServiceAccount'), {
      annotations: { 'kube-lego.io/challenge-annotations': 'example.com/one' },
    });
  });

  it('are text where release and namespace could be read as something else', async () => {
    const values = {
      caBundle: { pem: 'PEM' },
      settings: { email: 'you@example.com' },
      dashboard: { enabled: true },
      serviceMonitor: { enabled: true },
    };
    for (const { kind, metadata } of await renderChart(values, { name: 'true', namespace: '2024' })) {
      assert.equal(recordField(metadata, 'labels')?.['app.kubernetes.io/instance'], 'true', kind);
      assert.ok([undefined, '2024'].includes(metadata.namespace), kind);
    }
  });
});

describe('a pod is made anew', () => {
  it('when a setting or the CA bundle changes', async () => {
    const templates = await Promise.all(
      [
        { settings: { profile: 'a' } },
        { settings: { profile: 'b' } },
        { settings: { email: 'a@example.com' } },
        { settings: { email: 'b@example.com' } },
        { caBundle: { pem: 'a' } },
        { caBundle: { pem: 'b' } },
      ].map(async (changed) =>
        JSON.stringify((await renderChart(changed)).find(({ kind }) => kind === 'Deployment')?.['spec']),
      ),
    );
    assert.equal(new Set(templates).size, templates.length);
  });
});
