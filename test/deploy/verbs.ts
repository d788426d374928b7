import { type Manifest, readManifests } from '../../deploy/local/manifests.ts';
import { arrayField } from '../../src/process/json.ts';
import { controllerRequests } from '../controller-failures/controller-requests.ts';

/** Each verb that the roles in these files and folders grant, as `verb resource in SCOPE`. */
export async function grants(paths: readonly string[]): Promise<string[]> {
  const manifests = await Promise.all(paths.map(readManifests));
  return manifests.flat().flatMap((manifest) => (manifest.kind.endsWith('Role') ? grantsOf(manifest) : []));
}

function grantsOf(role: Manifest): string[] {
  const scope = role.kind === 'Role' ? 'its own namespace' : 'the cluster';
  return arrayField(role, 'rules').flatMap((rule) =>
    arrayField(rule, 'resources').flatMap((resource) =>
      arrayField(rule, 'verbs').map((verb) => `${String(verb)} ${String(resource)} in ${scope}`),
    ),
  );
}

/** What the controller did, in the same words. */
export async function uses(auditLog: string): Promise<Set<string>> {
  const records = await controllerRequests(auditLog);
  return new Set(
    records
      // The Lease is read before there is one.
      .filter(({ status }) => status < 400 || status === 404)
      .map(({ verb, resource, namespace }) => {
        const scope = namespace === 'kube-lego' ? 'its own namespace' : 'the cluster';
        return `${verb} ${resource} in ${scope}`;
      }),
  );
}
