/** Reference to an object that requests certificates. */
export interface SourceReference {
  /** API kind, such as `Ingress`. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** `KIND/NAMESPACE/NAME`, none of which contains a slash: the identity of an actor. */
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

/** Display name: `NAMESPACE/NAME`, prefixed by the kind unless that is Ingress. */
export function sourceName(key: SourceKey): string {
  const { kind, namespace, name } = parseSourceKey(key);
  return kind === 'Ingress' ? `${namespace}/${name}` : `${kind} ${namespace}/${name}`;
}

/** Log field, named after the kind: `{ ingress: 'NAMESPACE/NAME' }`. */
export function sourceField(key: SourceKey): Record<string, string> {
  const { kind, namespace, name } = parseSourceKey(key);
  return { [kind.toLowerCase()]: `${namespace}/${name}` };
}
