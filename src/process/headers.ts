/** Headers of an answer, as Node and undici give them. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Repeated headers are joined. */
export function plainHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
