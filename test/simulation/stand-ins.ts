import { registerHooks } from 'node:module';

/**
 * Puts the simulation's plain certificates in place of the reading and making of real ones, for whatever is imported after
 * this. A hundred thousand real ones would cost minutes, and how one is read decides nothing about when it is ordered.
 */
export function standInForCertificates(): void {
  const { href } = new URL('./certificates.ts', import.meta.url);
  const replaced = ['reading', 'chain', 'csr'].map(
    (name) => new URL(`../../src/certificate/${name}.ts`, import.meta.url).href,
  );
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const isReplaced = replaced.includes(resolved.url) && context.parentURL !== href;
      return isReplaced ? { ...resolved, url: href } : resolved;
    },
  });
}
