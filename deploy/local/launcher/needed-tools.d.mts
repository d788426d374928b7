import type { ToolName } from '../tools/tools.mjs';

export function needs(files: readonly string[]): {
  readonly tools: readonly ToolName[];
  readonly program: boolean;
};
