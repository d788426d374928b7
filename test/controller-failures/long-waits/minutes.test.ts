// Suites that wait for a minute or more of real time and compute next to nothing: the wait that a CA asks for, the first step of a back-off,
// the time limit of a request. As files of their own, each would hold one of the runner's places, in which others could compute.
import { describe } from 'node:test';
import { maliciousCa } from '../../security/malicious-ca.ts';
import { caGarbage } from './ca-garbage.ts';
import { caRefusals } from './ca-refusals.ts';
import { deadHostRescue } from './dead-host-rescue.ts';
import { registrationLimit } from './registration-limit.ts';

describe('side by side', { concurrency: true }, () => {
  // The longest one first: they start one after the other.
  caRefusals();
  maliciousCa();
  caGarbage();
  deadHostRescue();
  registrationLimit();
});
