/** The object that asks for certificates, by its kind and its name. */
export interface SourceReference {
  /** Of the API, such as `Ingress`. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** `KIND/NAMESPACE/NAME`, none of which contains a slash: the identity by which actors are known. */
export type SourceKey = `${string}/${string}/${string}`;

export function sourceKey({ kind, namespace, name }: SourceReference): SourceKey {
  return `${kind}/${namespace}/${name}`;
}

export function parseSourceKey(key: SourceKey): SourceReference {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  return { kind, namespace, name };
}

export function isSourceKey(text: string): text is SourceKey {
  const parts = text.split('/');
  return parts.length === 3 && parts.every((part) => part !== '');
}

/** The object as people call it: `NAMESPACE/NAME`, after its kind where that is not an Ingress. */
export function sourceName(key: SourceKey): string {
  const { kind, namespace, name } = parseSourceKey(key);
  return kind === 'Ingress' ? `${namespace}/${name}` : `${kind} ${namespace}/${name}`;
}

/** The object as a field of the log, named after its kind: `{ ingress: 'NAMESPACE/NAME' }`. */
export function sourceField(key: SourceKey): Record<string, string> {
  const { kind, namespace, name } = parseSourceKey(key);
  return { [kind.toLowerCase()]: `${namespace}/${name}` };
}
