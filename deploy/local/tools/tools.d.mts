export type ToolName =
  | 'load-key-pairs'
  | 'pebble'
  | 'pebble-challtestsrv'
  | 'kustomize'
  | 'etcd'
  | 'kube-apiserver'
  | 'helm'
  | 'promtool';

/** How Go builds a tool. */
export interface Recipe {
  /** folder of its go.mod, beside this file */
  readonly module: string;
  readonly package: string;
  /** of `go build` */
  readonly flags: readonly string[];
  /** files of the module's own code, which decide what is built */
  readonly sources?: readonly string[];
}

export const recipes: Readonly<Record<ToolName, Recipe>>;
export const toolNames: readonly ToolName[];

export function isToolName(text: string): text is ToolName;
export function moduleFolder(module: string): string;
export function cacheRoot(environment: NodeJS.ProcessEnv): string;
export function cachePath(name: ToolName, environment: NodeJS.ProcessEnv): string;
export function findTool(name: ToolName, environment: NodeJS.ProcessEnv): string | undefined;
export function goProblem(names: readonly ToolName[], environment: NodeJS.ProcessEnv): string | undefined;
