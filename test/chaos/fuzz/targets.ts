import { caTargets } from './ca.ts';
import { recordTargets } from './records.ts';
import { requestTargets } from './requests.ts';
import type { FuzzTarget } from './target.ts';
import { tenantTargets } from './tenants.ts';

/** Everything that comes in from outside. */
export const fuzzTargets: readonly FuzzTarget[] = [
  ...requestTargets,
  ...tenantTargets,
  ...caTargets,
  ...recordTargets,
];
