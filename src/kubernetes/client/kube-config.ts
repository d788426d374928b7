import { KubeConfig } from '@kubernetes/client-node';

/** client-node's default if it finds no configuration. */
const madeUpServer = 'http://localhost:8080';

/**
 * The configuration that kubectl would use: `$KUBECONFIG`, `~/.kube/config`, or in a pod its ServiceAccount.
 *
 * @param context of the kubeconfig; its current one if not given
 * @throws Error when there is none, or no such context
 */
export function loadKubeConfig(context?: string): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  if (kubeConfig.getCurrentCluster()?.server === madeUpServer) {
    throw new Error(
      'there is no kubeconfig: set KUBECONFIG to the path of one, or run in a pod with a ServiceAccount',
    );
  }
  if (context !== undefined) {
    if (kubeConfig.getContextObject(context) === null)
      throw new Error(`the kubeconfig has no context ${context}`);
    kubeConfig.setCurrentContext(context);
  }
  return kubeConfig;
}
