/**
 * Annotation of a Secret: `true` asks kube-lego to replace its certificate, once. On an Ingress it has no effect: whoever may write
 * an Ingress may not therefore replace a Secret.
 */
export const adoptAnnotation = 'kube-lego.io/adopt';

/** How somebody who may write the Secrets asks for it. */
export function adoptCommand(namespace: string, ...secretNames: readonly string[]): string {
  return `kubectl annotate secret ${secretNames.join(' ')} -n ${namespace} ${adoptAnnotation}=true`;
}
