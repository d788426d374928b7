import type { ChallengeTemplate } from '../../../src/challenges/http-01/challenge-ingress/challenge-manifest.ts';

/** What the challenge Ingresses of a test have in common, in the namespace of kube-lego. */
export function challengeTemplate(namespace: string): ChallengeTemplate {
  return {
    namespace,
    serviceName: 'kube-lego',
    servicePort: 8080,
    labels: {},
    annotations: {},
    pathType: () => 'ImplementationSpecific',
  };
}
