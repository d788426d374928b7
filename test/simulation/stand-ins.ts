import { registerHooks } from 'node:module';
import type { CaKind } from './world.ts';

/**
 * For the model of the CA, puts the simulation's plain certificates in place of the reading and making of real ones, for whatever is
 * imported after this. A hundred thousand real ones would cost minutes, and how one is read decides nothing about when it is ordered.
 * For the strict CA, each real one is read once: read again at each check, they took half of a run.
 */
export function standInForCertificates(ca: CaKind): void {
  if (ca === 'model') replace(['reading', 'chain', 'making/csr'], './certificates.ts');
  else replace(['reading'], './remembered-readings.ts');
}

/** @param names of modules of src/certificate; only their replacement still imports them */
function replace(names: readonly string[], replacement: string): void {
  const { href } = new URL(replacement, import.meta.url);
  const replaced = names.map((name) => new URL(`../../src/certificate/${name}.ts`, import.meta.url).href);
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const isReplaced = replaced.includes(resolved.url) && context.parentURL !== href;
      return isReplaced ? { ...resolved, url: href } : resolved;
    },
  });
}
