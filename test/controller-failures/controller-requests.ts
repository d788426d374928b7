import assert from 'node:assert/strict';
import { type AuditRecord, readAuditLog } from '../../deploy/local/audit-log.ts';

const serviceAccount = 'system:serviceaccount:kube-lego:kube-lego';
/** What the controller says of itself. The commands, and the clients of tests, do not name an HTTP library. */
const userAgent = /^kube-lego\/\S+ (?:\(\+https:\S+\) )?undici\//;

/** What the controller has asked of the API server so far, whoever it was taken for. */
export async function controllerRequests(auditLog: string): Promise<AuditRecord[]> {
  return (await readAuditLog(auditLog)).filter((record) => userAgent.test(record.userAgent));
}

/**
 * Asserts that the controller's requests all came from its ServiceAccount, and that none was denied.
 * @param isMeant whether a test is about this denial
 */
export function assertPermitted(
  records: readonly AuditRecord[],
  isMeant: (record: AuditRecord) => boolean,
): void {
  assert.ok(records.length > 0, 'the controller is in the audit log');
  const isWrong = (record: AuditRecord): boolean =>
    record.user !== serviceAccount || (record.status === 403 && !isMeant(record));
  const wrong = records
    .filter(isWrong)
    .map(({ user, verb, uri, status }) => `${user}: ${verb} ${uri}: ${status}`);
  assert.deepEqual(
    wrong,
    [],
    'the controller acts under its ServiceAccount only, and is not denied anything',
  );
}
