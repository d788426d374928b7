/**
 * Whether resourceVersion `a` was certainly written before `b`. Since Kubernetes 1.35 resourceVersions are comparable as numbers; any
 * other is not older.
 */
export function isOlder(a: string, b: string): boolean {
  const number = /^\d+$/;
  return number.test(a) && number.test(b) && BigInt(a) < BigInt(b);
}
