import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { ingress, secret } from '../controller-failures/objects.ts';
import type { Stage } from '../controller-failures/stage.ts';

const collections = [
  '/api/v1/configmaps',
  '/api/v1/namespaces',
  '/api/v1/secrets',
  '/api/v1/serviceaccounts',
  '/api/v1/services',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  '/apis/networking.k8s.io/v1/ingressclasses',
  '/apis/networking.k8s.io/v1/ingresses',
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/rolebindings',
  '/apis/rbac.authorization.k8s.io/v1/roles',
];
/** kube-lego's own, apart from challenge Ingresses. */
const own = /^kube-lego\/kube-lego(?:-account|-journal-\d+|-ledger-\d+|-holders-\d+|-dns-values)?$/;

/** Objects of others, some of them where kube-lego might take them for its own. They have to stay as they are. */
export class Bystanders {
  readonly #stage: Stage;
  /** uid and resourceVersion by collection and key */
  readonly #before: ReadonlyMap<string, string>;

  private constructor(stage: Stage, before: ReadonlyMap<string, string>) {
    this.#stage = stage;
    this.#before = before;
  }

  /** To be called before kube-lego is started. @param namespace of the tenant */
  static async create(stage: Stage, namespace: string): Promise<Bystanders> {
    const notOurs = { tls: { 'theirs-tls': ['theirs.example.com'] }, annotated: false };
    await stage.apply(
      ingress(`${namespace}/theirs`, notOurs),
      secret(`${namespace}/theirs-tls`, { 'tls.crt': 'of somebody else', 'tls.key': 'of theirs' }),
      ingress('kube-lego/page', { ...notOurs, tls: { 'page-tls': ['page.example.com'] } }),
      secret('kube-lego/theirs', { password: 'theirs' }, { type: 'Opaque' }),
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'kube-lego', name: 'theirs' },
        data: { theirs: 'too' },
      },
    );
    return new Bystanders(stage, await versions(stage));
  }

  /**
   * What has been done to them, and objects that are new.
   * @param isMeant whether the key, NAMESPACE/NAME, is that of an object that was created meanwhile
   */
  async faults(isMeant: (key: string) => boolean): Promise<string[]> {
    const now = await versions(this.#stage);
    const gone = [...this.#before.keys()].filter((path) => !now.has(path)).map((path) => `${path} is gone`);
    const other = [...now].flatMap(([path, version]) => {
      const before = this.#before.get(path);
      if (before === undefined) return isOwn(path) || isMeant(keyOf(path)) ? [] : [`${path} is new`];
      return before === version ? [] : [`${path} was changed`];
    });
    return [...gone, ...other];
  }
}

/** uid and resourceVersion of all objects but those of the API server. */
async function versions({ world }: Stage): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const collection of collections) {
    for (const object of arrayField(await world.api.expect(collection), 'items')) {
      const metadata = recordField(object, 'metadata');
      const namespace = stringField(metadata, 'namespace') ?? '';
      if (namespace === 'kube-system') continue;
      const version = `${stringField(metadata, 'uid')} ${stringField(metadata, 'resourceVersion')}`;
      found.set(`${collection} ${namespace}/${stringField(metadata, 'name')}`, version);
    }
  }
  return found;
}

function keyOf(path: string): string {
  return path.slice(path.indexOf(' ') + 1);
}

function isOwn(path: string): boolean {
  return own.test(keyOf(path));
}
