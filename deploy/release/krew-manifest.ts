// What krew, the package manager of kubectl's plugins, has to know of one release of the plugin (docs/kubectl-plugin.md).

export interface PluginRelease {
  /** address of this repository */
  readonly home: string;
  readonly version: string;
  /** of the archive, hexadecimal */
  readonly sha256: string;
}

/** Name of the archive among the files of a release. */
export const pluginArchive = 'kubectl-lego.tar.gz';

/** The manifest, as JSON, which is YAML. krew.sigs.k8s.io/docs/developer-guide/plugin-manifest */
export function krewManifest({ home, version, sha256 }: PluginRelease): string {
  const manifest = {
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'lego' },
    spec: {
      version: `v${version}`,
      homepage: home,
      shortDescription: 'Ask and command kube-lego',
      description:
        'Says why Ingresses have a certificate from an ACME CA or none, has them tried again, revokes certificates, takes over from cert-manager, and opens the live page of the kube-lego in the cluster.\n',
      caveats: 'It needs Node.js 22.19 or newer in PATH.\n',
      platforms: [
        {
          selector: { matchExpressions: [{ key: 'os', operator: 'In', values: ['linux', 'darwin'] }] },
          uri: `${home}/releases/download/v${version}/${pluginArchive}`,
          sha256,
          bin: 'bin/kubectl-lego.mjs',
        },
      ],
    },
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}
