import pLimit from 'p-limit';

/** The starts of servers, of which many at once would starve one another. */
export const inTurn = pLimit(1);
