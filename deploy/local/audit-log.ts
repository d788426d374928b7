import { readFile } from 'node:fs/promises';
import { isRecord } from '../../src/process/json.ts';

/** One finished request to the API server. */
export interface AuditRecord {
  /** what the client has called the request, in its header Audit-ID, or a UUID */
  readonly id: string;
  /** such as system:serviceaccount:NAMESPACE:NAME */
  readonly user: string;
  readonly verb: string;
  /** plural; '' for requests outside the resource API, such as /readyz */
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** '' for lists, and for a create whose name was only in the body when it was refused early */
  readonly name: string;
  /** path and query */
  readonly uri: string;
  readonly dryRun: boolean;
  /** HTTP status of the answer */
  readonly status: number;
  readonly userAgent: string;
  /** when the request came in, milliseconds since the epoch */
  readonly receivedAt: number;
}

/**
 * Reads a cluster's audit log. A request is logged when it is complete, so a watch only at its end.
 * @param path `Cluster.auditLog`
 */
export async function readAuditLog(path: string): Promise<AuditRecord[]> {
  const text = await readFile(path, 'utf8');
  return text
    .split('\n')
    .slice(0, -1) // the last part is empty, or an incomplete line
    .map((line) => toRecord(JSON.parse(line)));
}

function toRecord(event: unknown): AuditRecord {
  const uri = text(event, 'requestURI');
  return {
    id: text(event, 'auditID'),
    user: text(event, 'user', 'username'),
    verb: text(event, 'verb'),
    resource: text(event, 'objectRef', 'resource'),
    subresource: text(event, 'objectRef', 'subresource'),
    namespace: text(event, 'objectRef', 'namespace'),
    name: text(event, 'objectRef', 'name'),
    uri,
    dryRun: new URL(uri, 'https://api').searchParams.has('dryRun'),
    status: Number(field(event, 'responseStatus', 'code') ?? 0),
    userAgent: text(event, 'userAgent'),
    receivedAt: Date.parse(text(event, 'requestReceivedTimestamp')),
  };
}

function text(value: unknown, ...path: readonly string[]): string {
  const found = field(value, ...path);
  return typeof found === 'string' ? found : '';
}

function field(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (!isRecord(current)) return undefined;
    current = current[name];
  }
  return current;
}
