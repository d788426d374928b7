export const longest: readonly string[];
export function inOrder(files: readonly string[]): string[];
