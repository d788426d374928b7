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

const watching = /(?:^|&)watch=true(?:&|$)/;

/**
 * Sends a request, with a report of its answer or failure, but not of an incomplete body.
 * @param path at the API server, with the query
 */
export type Reporting = <T extends { readonly statusCode: number }>(
  method: string,
  path: string,
  send: () => Promise<T>,
) => Promise<T>;

/** After the group and the version: a namespace, unless that is itself the object, then resource, name, subresource. */
const resourcePath =
  /^\/(?:api|apis\/[^/]+)\/[^/]+\/(?:namespaces\/[^/]+\/(?=[^/]))?([a-z]+)(?:\/([^/]+)(?:\/([a-z]+))?)?$/;

export function reporting(onRequest: ((report: ApiRequestReport) => void) | undefined): Reporting {
  if (onRequest === undefined) return (_method, _path, send) => send();
  return async (method, path, send) => {
    const asked = subjectOf(method, path);
    try {
      const answer = await send();
      onRequest({ ...asked, status: answer.statusCode });
      return answer;
    } catch (error) {
      onRequest({ ...asked, status: undefined });
      throw error;
    }
  };
}

function subjectOf(method: string, path: string): Pick<ApiRequestReport, 'verb' | 'resource'> {
  const [object = '', query] = path.split('?', 2);
  const [, collection = 'other', name, subresource] = resourcePath.exec(object) ?? [];
  const read = watching.test(query ?? '') ? 'watch' : name === undefined ? 'list' : 'get';
  return {
    verb: writes.get(method) ?? read,
    resource: subresource === undefined ? collection : `${collection}/${subresource}`,
  };
}
