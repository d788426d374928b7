import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiAnswer, ApiClient } from '../../deploy/local/api-client.ts';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { removeKinds } from '../../deploy/local/kinds.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { eventually } from '../time/eventually.ts';

const admission = '/apis/admissionregistration.k8s.io/v1';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const mutatingBindings = `${admission}/mutatingadmissionpolicybindings`;
const validatingBindings = `${admission}/validatingadmissionpolicybindings`;
const bindings = [mutatingBindings, validatingBindings];
const aggregatedDiscovery = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const definition = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };
/** Milliseconds. To ask sooner would mostly cost CPU. */
const compilationInterval = 1000;
const namespace = 'default';
const subjects = (name: string) => [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name }];

/**
 * Resolves when the API server heeds the admission policies, the ServiceAccounts (parameters of ours) and the roles that were written
 * before the call.
 *
 * It hears of the objects of a kind in the order in which they were written: where it heeds the probe's, it has heard of all before. Policies it
 * compiles once a second, all that it has heard of. A compilation that began before may mix old and new; the one after which the probe's
 * policies are gone again began later.
 */
export async function untilHeeded(api: ApiClient): Promise<void> {
  const name = `probe-${randomUUID()}`;
  const objects = objectsOf(name);
  for (const [path, object] of objects) {
    // What nobody wants any longer may still refuse it.
    await eventually(`${path} takes the probe's`, async () => {
      const { status } = await api.request(path, { method: 'POST', body: { metadata: { name }, ...object } });
      return status === 201 || status === 409;
    });
  }
  await delay(compilationInterval);
  await eventually('the probe is refused', async () => isRefused(await tryOut(api, { refused: name }), name));
  await eventually('the probe is changed', async () => isMarked(await tryOut(api, { marked: name }), name));
  await eventually('the role is granted', () => isGranted(api, name));
  await eventually('the role of a namespace is granted', () => isGranted(api, name, namespace));
  // Without its parameter, a policy would let the probe pass as well.
  await remove(api, bindings, name);
  await delay(compilationInterval);
  await eventually(
    'the probe is refused no more',
    async () => (await tryOut(api, { refused: name })).status === 201,
  );
  await eventually('the probe is changed no more', async () => {
    const answer = await tryOut(api, { marked: name });
    return answer.status === 201 && !isMarked(answer, name);
  });
  await remove(
    api,
    objects.map(([path]) => path),
    name,
  );
}

async function remove(api: ApiClient, paths: readonly string[], name: string): Promise<void> {
  for (const path of paths) await api.request(`${path}/${name}`, { method: 'DELETE' });
}

/** Resolves when no kind is served but the API server's own. Nobody may have objects of other kinds left, or a policy that forbids it. */
export async function removeAllKinds(cluster: ClusterAccess, api: ApiClient): Promise<void> {
  const list = await api.expect(`/apis/${definition.apiVersion}/customresourcedefinitions`);
  const definitions = arrayField(list, 'items').map((item) => ({
    ...definition,
    metadata: { name: stringField(recordField(item, 'metadata'), 'name') ?? '' },
    spec: recordField(item, 'spec'),
  }));
  if (definitions.length === 0) return;
  await removeKinds(cluster, definitions);
  const groups = definitions.map(({ spec }) => stringField(spec, 'group') ?? '');
  await eventually(`${groups.join(', ')} have gone from discovery`, async () => {
    const known = await Promise.all([
      api.request('/apis'),
      api.request('/apis', { accept: aggregatedDiscovery }),
    ]);
    const text = JSON.stringify(known);
    return groups.every((group) => !text.includes(`"${group}"`));
  });
}

/** What is created at which path. */
function objectsOf(name: string): (readonly [path: string, object: object])[] {
  const rules = [{ apiGroups: [name], resources: ['probes'], verbs: ['get'] }];
  const grant = (kind: string) => ({
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
    subjects: subjects(name),
  });
  const mark = `Object{metadata: Object.metadata{annotations: {"marked": "${name}"}}}`;
  return [
    [`${rbac}/clusterroles`, { rules }],
    [`${rbac}/clusterrolebindings`, grant('ClusterRole')],
    [`${rbac}/namespaces/${namespace}/roles`, { rules: [{ ...rules[0], resources: ['own-probes'] }] }],
    [`${rbac}/namespaces/${namespace}/rolebindings`, grant('Role')],
    [
      `${admission}/mutatingadmissionpolicies`,
      {
        spec: {
          reinvocationPolicy: 'Never',
          matchConstraints: matching({ marked: name }),
          mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: mark } }],
        },
      },
    ],
    [mutatingBindings, { spec: { policyName: name } }],
    [
      `${admission}/validatingadmissionpolicies`,
      {
        spec: {
          paramKind: { apiVersion: 'v1', kind: 'ServiceAccount' },
          matchConstraints: matching({ refused: name }),
          validations: [{ expression: 'false', message: name }],
        },
      },
    ],
    [
      validatingBindings,
      {
        spec: {
          policyName: name,
          validationActions: ['Deny'],
          paramRef: { name, namespace, parameterNotFoundAction: 'Allow' },
        },
      },
    ],
    [`/api/v1/namespaces/${namespace}/serviceaccounts`, {}],
  ];
}

function matching(matchLabels: Readonly<Record<string, string>>) {
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] };
  return { objectSelector: { matchLabels }, resourceRules: [rule] };
}

/** @returns what is answered to a ConfigMap with these labels */
function tryOut(api: ApiClient, labels: Readonly<Record<string, string>>): Promise<ApiAnswer> {
  const body = { metadata: { name: 'probe', labels } };
  return api.request(`/api/v1/namespaces/${namespace}/configmaps?dryRun=All`, { method: 'POST', body });
}

function isRefused({ status, body }: ApiAnswer, name: string): boolean {
  return status === 422 && JSON.stringify(body).includes(name);
}

function isMarked({ body }: ApiAnswer, name: string): boolean {
  return stringField(recordField(recordField(body, 'metadata'), 'annotations'), 'marked') === name;
}

/** @param within a namespace; default: by the ClusterRole */
async function isGranted(api: ApiClient, name: string, within?: string): Promise<boolean> {
  const resource = within === undefined ? 'probes' : 'own-probes';
  const resourceAttributes = { group: name, resource, verb: 'get', namespace: within };
  const review = await api.expect('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    method: 'POST',
    body: { spec: { user: name, resourceAttributes } },
  });
  return recordField(review, 'status')?.['allowed'] === true;
}
