export type ToolName = ProgramName | DefinitionsName;

export type ProgramName =
  | 'load-key-pairs'
  | 'pebble'
  | 'pebble-challtestsrv'
  | 'kustomize'
  | 'etcd'
  | 'kube-apiserver'
  | 'helm'
  | 'promtool';

/** Files of YAML: definitions of kinds of Kubernetes objects */
export type DefinitionsName = 'gateway-api-crds' | 'older-gateway-api-crds' | 'cert-manager-crds';

/** How Go builds a program. */
export interface ProgramRecipe {
  /** folder of its go.mod, beside this file */
  readonly module: string;
  readonly package: string;
  /** of `go build` */
  readonly flags: readonly string[];
  /** files of the module's own code, which decide what is built */
  readonly sources?: readonly string[];
}

/** Which files of a module are put together to one. */
export interface DefinitionsRecipe {
  /** folder of the go.mod and the go.sum that the download is verified by, beside this file */
  readonly module: string;
  /** `path@version` */
  readonly download: string;
  /** paths within the module */
  readonly files: readonly string[];
}

export const recipes: Readonly<
  Record<ProgramName, ProgramRecipe> & Record<DefinitionsName, DefinitionsRecipe>
>;
export const toolNames: readonly ToolName[];

export function isToolName(text: string): text is ToolName;
export function moduleFolder(module: string): string;
export function cacheRoot(environment: NodeJS.ProcessEnv): string;
export function cachePath(name: ToolName, environment: NodeJS.ProcessEnv): string;
export function findTool(name: ToolName, environment: NodeJS.ProcessEnv): string | undefined;
export function goProblem(names: readonly ToolName[], environment: NodeJS.ProcessEnv): string | undefined;
