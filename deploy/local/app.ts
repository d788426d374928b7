import { once } from 'node:events';
import { createServer } from 'node:http';

export interface App extends AsyncDisposable {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts a web site on a free loopback port. It answers every path with 200 and HTML, as a single-page application does:
 * the worst answer to a CA's challenge.
 * @param title text of the page, to distinguish apps
 */
export async function startApp(title = 'Hello World'): Promise<App> {
  const page = `<!doctype html>\n<html lang="en"><title>${title}</title><h1>${title}</h1></html>\n`;
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null)
    throw new Error('The app got no TCP port to listen on.');
  const stop = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { port: address.port, stop, [Symbol.asyncDispose]: stop };
}
