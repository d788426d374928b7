import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import { parseSourceKey } from '../../../machines/ownership/source-key.ts';
import { reasons } from '../../../machines/reasons/reasons.ts';
import { unless } from '../../kubernetes/client/kubernetes-error.ts';
import type { SecretStore } from '../../kubernetes/records/secret-store.ts';
import type { Check } from './explanation.ts';

const mostHosts = 20;

/**
 * What visitors get of the hosts that the ingress controller serves with the Secret of another Ingress: that may be missing.
 *
 * @param operator whether the reader may know the Ingresses of other namespaces
 * @throws KubernetesError if the API server is unreachable
 */
export async function checkServed(
  { desired }: Assignment,
  operator: boolean,
  secrets: Pick<SecretStore, 'read'>,
  signal: AbortSignal,
): Promise<Check[]> {
  const others = desired.flatMap(({ namespace, hosts }) =>
    hosts.flatMap(({ host, servedInstead }) => {
      if (servedInstead === undefined) return [];
      const { source, secretName, certain } = servedInstead;
      const { namespace: its, name } = parseSourceKey(source);
      return operator || its === namespace ? [{ host, namespace: its, name, secretName, certain }] : [];
    }),
  );
  return Promise.all(
    others.slice(0, mostHosts).map(async ({ host, namespace, name, secretName, certain }): Promise<Check> => {
      const about = `served for ${host}`;
      const which = `Ingress ${namespace}/${name} comes first for the ingress controller${certain ? '' : ', probably'}`;
      const { remedy } = reasons.ServedByOther;
      const found =
        secretName === ''
          ? 'missing'
          : await unless('Forbidden', () => stateOf(secrets, namespace, secretName, signal));
      const secret = secretName === '' ? 'no Secret' : `Secret ${namespace}/${secretName}`;
      if (found === 'present') {
        return {
          about,
          result: 'note',
          text: `${which}: visitors get the certificate in ${secret}.`,
          remedy,
        };
      }
      const text =
        found === undefined
          ? `${which}: visitors get what is in ${secret}, which may not be read here.`
          : `${which}, and names ${secret}${secretName === '' ? '' : `, which is ${found}`}: visitors get a certificate of the ingress controller.`;
      return { about, result: found === undefined ? 'note' : 'problem', text, remedy };
    }),
  );
}

async function stateOf(
  secrets: Pick<SecretStore, 'read'>,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<'present' | 'missing' | 'empty'> {
  const secret = await secrets.read(namespace, name, signal);
  if (secret === undefined) return 'missing';
  const full = [secret.certificatePem, secret.keyPem].every((pem) => pem !== undefined && pem.length > 0);
  return full ? 'present' : 'empty';
}
