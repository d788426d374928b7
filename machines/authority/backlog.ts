/** Forecast for a queue of orders, if there are no others. */
export interface Backlog {
  readonly orders: number;
  /** How many of them fit into the limits within 24 hours. */
  readonly withinDay: number;
  /** When the last one fits, in milliseconds since the epoch. */
  readonly lastAt: number;
}
