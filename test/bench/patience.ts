/** Milliseconds that anything may take here, however busy the machine is: what the product grants an order. */
export { orderTimeLimit as patience } from '../../src/acme/order/order.ts';
