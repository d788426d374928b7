import process from 'node:process';

/**
 * What of Node's HTTP is called here. An import of node:http reads all that the module exports, and its WebSocket loads the undici that
 * Node has for fetch: 50 ms of CPU, a tenth of the start of a process that calls neither.
 */
export const { Agent, createServer, request } = process.getBuiltinModule('node:http');
