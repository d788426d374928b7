import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readStanding } from '../../../src/commands/reading/secret-standing.ts';
import { readConfig } from '../../../src/config/config.ts';
import { day, desiredCertificate, now } from '../../machines/builders.ts';

const host = 'web.example.com';

/** What an order for a Secret that does not exist would be. */
async function purposeWith(holders: Parameters<typeof readStanding>[3]): Promise<string | undefined> {
  const reading = readConfig({ LEGO_NAMESPACE: 'kube-lego', LEGO_EMAIL: 'a@example.com' }, []);
  assert.equal(reading.kind, 'config');
  const secrets = { read: () => Promise.resolve(undefined) };
  const config = { ...reading.config, directoryKnown: true };
  const signal = AbortSignal.timeout(60_000);
  const standing = await readStanding(secrets, desiredCertificate(), config, holders, now, signal);
  assert.equal(standing.kind, 'read');
  return standing.assessment.kind === 'due' ? standing.assessment.purpose : undefined;
}

it('a command judges a Secret by the record of holders, as the controller does', async () => {
  const held = {
    namespace: 'shop',
    notBefore: now - day,
    notAfter: now + day,
    certificate: 'abcdefghijklmnop',
  };
  assert.equal(await purposeWith(new Map([[host, held]])), 'replacement');
  assert.equal(await purposeWith(new Map([[host, { ...held, namespace: 'blog' }]])), 'first');
  assert.equal(await purposeWith(new Map()), 'first');
  assert.equal(await purposeWith(undefined), 'first', 'where the record may not be read');
});
