import { registerHooks } from 'node:module';

const standIn = new URL('./certificates.ts', import.meta.url).href;
const replaced = ['reading', 'chain', 'csr'].map(
  (name) => new URL(`../../src/certificate/${name}.ts`, import.meta.url).href,
);

/**
 * Puts the simulation's plain certificates in place of the reading and making of real ones, for whatever is imported after
 * this. A hundred thousand real ones would cost minutes, and how one is read decides nothing about when it is ordered.
 */
export function standInForCertificates(): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const isReplaced = replaced.includes(resolved.url) && context.parentURL !== standIn;
      return isReplaced ? { ...resolved, url: standIn } : resolved;
    },
  });
}
