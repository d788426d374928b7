import type { Keystores } from '../../src/steps/keystores.ts';

/** For Secrets without a keystore. */
export const noKeystores: Pick<Keystores, 'keep'> = { keep: () => Promise.resolve(undefined) };
