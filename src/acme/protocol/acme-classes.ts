import { createRequire, Module } from 'node:module';
import type Api from 'acme-client/src/api.js';
import type Client from 'acme-client/src/http.js';

// acme-client requires what is never called here: axios, which brings Node's fetch, for the one method that signed-exchange.ts overrides,
// and @peculiar/x509 for keys and certificates, which are Node's here. They would be a fifth of the CPU of a start, and 15 MB.

const require = createRequire(import.meta.url);
const unused = ['acme-client/src/axios.js', 'acme-client/src/crypto/index.js']
  .map((name) => require.resolve(name))
  .filter((path) => require.cache[path] === undefined);

for (const path of unused) {
  const empty = new Module(path);
  empty.loaded = true;
  require.cache[path] = empty;
}
/** Its methods for each request of RFC 8555 section 7 insist on one 2xx status, and are not used. */
export const AcmeApi: typeof Api = require('acme-client/src/api.js');
export const HttpClient: typeof Client = require('acme-client/src/http.js');
// Whoever else requires them gets them.
for (const path of unused) Reflect.deleteProperty(require.cache, path);

export type AcmeApi = Api;
export type AcmeResponse = Client.Response;
