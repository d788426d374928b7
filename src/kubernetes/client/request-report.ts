import { request } from 'undici';

/** One answered or failed request to the API server, for metrics. */
export interface ApiRequestReport {
  /** As in RBAC: `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`. */
  readonly verb: string;
  /** Plural, with the subresource: `ingresses/status`. */
  readonly resource: string;
  /** Undefined without an answer. */
  readonly status: number | undefined;
}

const writes: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

export type Exchange = (
  url: string,
  options: NonNullable<Parameters<typeof request>[1]>,
) => ReturnType<typeof request>;

/** After the group and the version: a namespace, unless that is itself the object, then resource, name, subresource. */
const resourcePath =
  /^\/(?:api|apis\/[^/]+)\/[^/]+\/(?:namespaces\/[^/]+\/(?=[^/]))?([a-z]+)(?:\/([^/]+)(?:\/([a-z]+))?)?$/;

/** undici's `request`, with a report of each answer and failure, but not of an incomplete body. */
export function reporting(onRequest: ((report: ApiRequestReport) => void) | undefined): Exchange {
  if (onRequest === undefined) return request;
  return async (url, options) => {
    const asked = subjectOf(options.method ?? 'GET', new URL(url));
    try {
      const answer = await request(url, options);
      onRequest({ ...asked, status: answer.statusCode });
      return answer;
    } catch (error) {
      onRequest({ ...asked, status: undefined });
      throw error;
    }
  };
}

function subjectOf(
  method: string,
  { pathname, searchParams }: URL,
): Pick<ApiRequestReport, 'verb' | 'resource'> {
  const [, collection = 'other', name, subresource] = resourcePath.exec(pathname) ?? [];
  const read = searchParams.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
  return {
    verb: writes.get(method) ?? read,
    resource: subresource === undefined ? collection : `${collection}/${subresource}`,
  };
}
