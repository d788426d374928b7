import { KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';

const refusals: readonly string[] = ['Invalid', 'Forbidden', 'BadRequest'];

/** Whether the error is about the object that is written; all others are about the API server. */
export function isRefusal(error: unknown): error is KubernetesError {
  return error instanceof KubernetesError && refusals.includes(error.code);
}

/** RBAC refuses the write, whatever hosts it names: no need to try each. */
export function isUnpermitted({ message }: KubernetesError): boolean {
  return / cannot (create|update|patch) resource /.test(message);
}

/** The refusal of a write, as of a dry run; undefined if it is accepted. @throws every other error of it */
export async function refusalOf(write: Promise<unknown>): Promise<KubernetesError | undefined> {
  try {
    await write;
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}

/**
 * Finds by bisection the hosts that make a write fail, with about 2·log2(n) attempts for each.
 * @param hosts a set that is refused with `refusal`
 * @param attempt dry run of a subset; resolves to the refusal, or undefined if it would be accepted
 * @returns each refused host with its error; never empty: if each half is accepted and only both together are not, the second half
 *   counts as refused and the first one is written
 */
export async function findRefusedHosts(
  hosts: readonly string[],
  refusal: Error,
  attempt: (hosts: readonly string[]) => Promise<Error | undefined>,
): Promise<Map<string, Error>> {
  const [only] = hosts;
  if (only !== undefined && hosts.length === 1) return new Map([[only, refusal]]);
  const middle = Math.ceil(hosts.length / 2);
  const halves = [hosts.slice(0, middle), hosts.slice(middle)];
  const refused = new Map<string, Error>();
  for (const half of halves) {
    if (half.length === 0) continue;
    const said = await attempt(half);
    if (said === undefined) continue;
    for (const [host, error] of await findRefusedHosts(half, said, attempt)) refused.set(host, error);
  }
  if (refused.size === 0) for (const host of halves[1] ?? []) refused.set(host, refusal);
  return refused;
}
