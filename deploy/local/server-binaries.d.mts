export type ServerName = 'pebble' | 'pebble-challtestsrv' | 'etcd' | 'kube-apiserver';

export const serverNames: readonly ServerName[];

export function cacheRoot(environment: NodeJS.ProcessEnv): string;
export function cacheFolder(environment: NodeJS.ProcessEnv): string;

export function findServers(environment: NodeJS.ProcessEnv): {
  readonly found: Partial<Record<ServerName, string>>;
  readonly missing: readonly ServerName[];
};

export function goProblem(
  environment: NodeJS.ProcessEnv,
  missing: readonly ServerName[],
): string | undefined;
