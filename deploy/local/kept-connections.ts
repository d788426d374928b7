// Connections between the processes of the local world. A server that ends those that are idle for some seconds does so, too, when it
// goes on after the machine stood still, and then meets the next request of a client that has just gone on as well.

import { Agent } from 'undici';

/** For a server in the place of a real one, which keeps them for minutes: it leaves the end to its clients. */
export const keptByServer = { keepAliveTimeout: 0 } as const;

/** For requests to a server that ends them after seconds: each has a connection of its own. */
export const ownConnections = new Agent({ pipelining: 0 });
