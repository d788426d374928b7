/** Time limit of any step in milliseconds, also on a busy machine: the product's limit of an order. */
export { orderTimeLimit as patience } from '../../src/acme/order/order.ts';
