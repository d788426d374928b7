import type { ToolName } from '../tools/tools.mjs';

export function neededTools(files: readonly string[]): readonly ToolName[];
