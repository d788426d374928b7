export function bundledProgram(root: string): string;
