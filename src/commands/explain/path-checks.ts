import { randomBytes } from 'node:crypto';
import { resolveHost } from '../../challenges/addresses.ts';
import { selfCheck } from '../../challenges/http-01/self-check/self-check.ts';
import type { Config } from '../../config/config.ts';
import { selfCheckSettings } from '../../config/policies.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { endpoints, services } from '../../kubernetes/client/collections.ts';
import { isForbidden, unless } from '../../kubernetes/client/kubernetes-error.ts';
import { arrayField } from '../../process/json.ts';
import { systemClock } from '../../time/clock.ts';
import type { Check } from './explanation.ts';

const dnsRemedy = "Point the host's DNS records at the ingress controller.";
const pathRemedy = 'Make /.well-known/acme-challenge/ of the host reachable over port 80.';

/** DNS and self-check of the host, from here, not from the CA's vantage points. */
export async function checkHost(host: string, config: Config, signal: AbortSignal): Promise<Check[]> {
  const agent = `kube-lego/${config.version} explain`;
  // A random account: no answer can be right, only who answers matters.
  const thumbprint = randomBytes(32).toString('base64url');
  const settings = { ...selfCheckSettings(config, agent, systemClock), thumbprint };
  const resolution = await resolveHost(host, settings, signal);
  if (resolution.kind === 'none') {
    return [{ about: `DNS ${host}`, result: 'problem', text: resolution.message, remedy: dnsRemedy }];
  }
  const addresses = [resolution.ipv6, resolution.ipv4]
    .filter((address) => address !== undefined)
    .join(' and ');
  const dns: Check = { about: `DNS ${host}`, result: 'ok', text: `${host} resolves to ${addresses}.` };
  const verdict = await selfCheck(host, settings, signal);
  const about = `path ${host}`;
  if (verdict.kind === 'reachable') throw new Error('unreachable: the account is random');
  const text = verdict.message.replaceAll(' from inside the cluster', ' from here');
  if (verdict.kind === 'inconclusive') return [dns, { about, result: 'problem', text, remedy: pathRemedy }];
  const { status, from, remedy = pathRemedy } = verdict;
  if (status === undefined || (status >= 300 && status !== 404)) {
    return [dns, { about, result: 'problem', text, remedy }];
  }
  const fine = `${from ?? 'A server'} answers with status ${status}, which is right while no challenge is pending.`;
  return [dns, { about, result: 'ok', text: fine }];
}

/** Whether the Service for challenges exists and has a ready pod. */
export async function checkService(
  client: KubernetesClient,
  { namespace, serviceName }: Config,
  signal: AbortSignal,
): Promise<Check> {
  const about = 'Service';
  const name = `${namespace}/${serviceName}`;
  const remedy = 'Install kube-lego (deploy/base), or set LEGO_NAMESPACE and LEGO_SERVICE_NAME.';
  const reference = { namespace, name: serviceName };
  try {
    const service = await unless('NotFound', () =>
      client.call(signal, (api) => api.read(services, reference)),
    );
    if (service === undefined) {
      return { about, result: 'problem', text: `There is no Service ${name}.`, remedy };
    }
    const found = await unless('NotFound', () =>
      client.call(signal, (api) => api.read(endpoints, reference)),
    );
    const ready = arrayField(found, 'subsets').some((subset) => arrayField(subset, 'addresses').length > 0);
    if (ready) return { about, result: 'ok', text: `Service ${name} has a ready pod.` };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return { about, result: 'unknown', text: `Service ${name} may not be read with this kubeconfig.` };
  }
  const text = `Service ${name} has no ready pod.`;
  const look = `See kubectl -n ${namespace} get pods, and the log of the Deployment.`;
  return { about, result: 'problem', text, remedy: look };
}
