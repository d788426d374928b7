// node --import: the clock of this process is WRONG_CLOCK_HOURS ahead. Its monotonic clock and its timers are as they are.
import process from 'node:process';

const offset = Number(process.env['WRONG_CLOCK_HOURS']) * 3_600_000;
const Right = globalThis.Date;

globalThis.Date = class Date extends Right {
  constructor(...parts) {
    if (parts.length === 0) super(Right.now() + offset);
    else super(...parts);
  }

  static now() {
    return Right.now() + offset;
  }
};
