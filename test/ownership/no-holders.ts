import type { HolderKeeper } from '../../src/ownership/holder-keeper.ts';

/** A complete record that nothing is written to. */
export const noHolders: Pick<
  HolderKeeper,
  'importing' | 'get' | 'find' | 'record' | 'recover' | 'proveWritable'
> = {
  importing: false,
  get: () => undefined,
  find: () => undefined,
  record: () => undefined,
  recover: () => undefined,
  proveWritable: () => Promise.resolve(),
};
