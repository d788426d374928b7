// Likewise, suites that wait for a quarter of a minute or two: see minutes.test.ts. In a file of their own, so that a run needs less memory.
import { describe } from 'node:test';
import { caBusy } from './ca-busy.ts';
import { namespaceLeftOut } from './namespace-left-out.ts';
import { rehearsalRefused } from './rehearsal-refused.ts';
import { revocation } from './revocation.ts';

describe('side by side', { concurrency: true }, () => {
  // The longest one first: they start one after the other.
  revocation();
  caBusy();
  rehearsalRefused();
  namespaceLeftOut();
});
