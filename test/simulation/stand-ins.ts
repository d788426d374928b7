import { registerHooks } from 'node:module';

/**
 * Puts the simulation's plain certificates in place of the reading and making of real ones, for whatever is imported after
 * this. A hundred thousand real ones would cost minutes, and how one is read decides nothing about when it is ordered.
 */
export function standInForCertificates(): void {
  standIn('./certificates.ts', ['reading', 'chain', 'csr']);
}

/** Has real signing requests made in turn, for whatever is imported after this. */
export function standInForThreads(): void {
  standIn('./csr-in-turn.ts', ['csr']);
}

/** @param names of src/certificate that this file takes the place of, for all but itself */
function standIn(file: string, names: readonly string[]): void {
  const { href } = new URL(file, import.meta.url);
  const replaced = names.map((name) => new URL(`../../src/certificate/${name}.ts`, import.meta.url).href);
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const isReplaced = replaced.includes(resolved.url) && context.parentURL !== href;
      return isReplaced ? { ...resolved, url: href } : resolved;
    },
  });
}
