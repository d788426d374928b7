import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CaConnection } from '../../src/acme/transport/connection.ts';
import { CaServer } from '../ca/server.ts';

// Somebody who answers in place of the CA, with a certificate of their own.

/** What a GET of the directory comes to: its status, or what the owner of the Ingress is told. */
async function ask({ ca }: CaServer, caBundle: string | undefined): Promise<string> {
  const connection = new CaConnection({ userAgent: 'test', caBundle });
  const signal = AbortSignal.timeout(60_000);
  try {
    const url = ca.directoryUrl;
    return String((await connection.send({ endpoint: 'directory', method: 'GET', url, signal })).status);
  } catch (error) {
    return String(error);
  } finally {
    await connection.close();
  }
}

describe('an impostor of the CA', () => {
  it('is not spoken to, with the roots of the system or with those of LEGO_CA_BUNDLE', async () => {
    await using real = await CaServer.start({ vaHttpPort: 1 });
    const heard: unknown[] = [];
    await using impostor = await CaServer.start({ vaHttpPort: 1, onEvent: (event) => heard.push(event) });
    assert.equal(await ask(real, real.caBundle), '200');
    for (const roots of [undefined, real.caBundle]) {
      assert.match(await ask(impostor, roots), /certificate|CERT|signed/);
    }
    assert.deepEqual(heard, []);
  });
});
