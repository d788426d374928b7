/** Structural equality of plain data (primitives, arrays, objects); identical parts are not descended into. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((element, index) => isEqual(element, other[index]));
  }
  const entries = Object.entries(one);
  const values = new Map<string, unknown>(Object.entries(other));
  return (
    entries.length === values.size &&
    entries.every(([key, value]) => values.has(key) && isEqual(value, values.get(key)))
  );
}
