import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findMisplaced, type Rooms } from './rooms.ts';

const rooms: Rooms = {
  'machines/hosts': [],
  'src/time': ['machines'],
  'src/acme/order': ['src/time', 'machines'],
  'src/steps': ['src/acme', 'src/time'],
  src: ['src/steps'],
};

const header = '// What lives here.\n';

/** Each file begins as a room does. */
const misplaced = (sources: Readonly<Record<string, string>>, table = rooms) =>
  findMisplaced(table, new Map(Object.entries(sources).map(([file, text]) => [file, header + text])));

describe('the table of rooms', () => {
  it('lets rooms import what it says, themselves, and the rooms within a folder that it names', () => {
    assert.deepEqual(
      misplaced({
        'src/steps/check.ts': "import { a } from '../acme/order/a.ts';\nimport type { B } from './b.ts';",
        'src/steps/b.ts': "export { sleep } from '../time/sleep.ts';",
        'src/acme/order/a.ts': "import { host } from '../../../machines/hosts/host.ts';",
        'src/main.ts': "await import('./steps/check.ts');\nimport './steps/b.ts';",
      }),
      [],
    );
  });

  for (const line of [
    "import { check } from '../../steps/check.ts';",
    "import type { Check } from '../../steps/check.ts';",
    "export { check } from '../../steps/check.ts';",
    "await import('../../steps/check.ts');",
    "import {\n  check,\n} from '../../steps/check.ts';",
  ]) {
    it(`refuses an import upwards: ${line.replaceAll('\n', ' ')}`, () => {
      assert.deepEqual(misplaced({ 'src/acme/order/a.ts': line }), [
        'src/acme/order/a.ts imports src/steps/check.ts: src/acme/order may not import src/steps',
      ]);
    });
  }

  it('refuses an import of what starts them all', () => {
    assert.deepEqual(misplaced({ 'src/steps/check.ts': "import { start } from '../start.ts';" }), [
      'src/steps/check.ts imports src/start.ts: src/steps may not import src',
    ]);
  });

  it('refuses a file in no room', () => {
    assert.deepEqual(misplaced({ 'src/helpers/any.ts': '' }), [
      'src/helpers/any.ts is in no room of the table',
    ]);
  });

  it('refuses a name that is used twice', () => {
    assert.deepEqual(misplaced({ 'src/time/clock.ts': '', 'src/steps/clock.ts': '' }), [
      'clock.ts stands 2 times: src/time/clock.ts, src/steps/clock.ts',
    ]);
  });

  for (const [name, one, other] of [
    ['Lease', 'export interface Lease {', 'export type Lease = string;'],
    ['Ledger', 'export class Ledger {', 'export abstract class Ledger {'],
    ['ask', 'export function ask(', 'export async function ask('],
  ] as const) {
    it(`refuses a name that is used twice: ${one} ${other}`, () => {
      assert.deepEqual(misplaced({ 'src/time/one.ts': one, 'src/steps/other.ts': other }), [
        `${name} stands 2 times: src/time/one.ts, src/steps/other.ts`,
      ]);
    });
  }

  it('takes the overloads of a function for one', () => {
    const overloads = 'export function ask(a: string): void;\nexport function ask(a: number): void;';
    assert.deepEqual(misplaced({ 'src/time/one.ts': overloads }), []);
  });

  it('refuses a folder that does not say what lives there', () => {
    const sources = new Map([
      ['src/time/clock.ts', 'export const now = 0;'],
      ['src/steps/check.ts', '// The steps of a round.'],
      ['src/steps/store.ts', 'export const stored = 0;'],
    ]);
    assert.deepEqual(findMisplaced(rooms, sources), [
      'src/time has no file that begins with what lives there',
    ]);
  });

  it('allows no circle among rooms', () => {
    assert.deepEqual(misplaced({}, { ...rooms, 'src/time': ['src/steps'] }).length, 3);
  });
});
