import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { startSession } from '../../../../deploy/local/session.ts';
import { ask, type DnsServer, serverText } from '../../../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { awaitPropagation } from '../../../../src/challenges/dns-01/lookup/propagation.ts';
import { ProviderError } from '../../../../src/challenges/dns-01/providers/provider.ts';
import { Rfc2136Provider } from '../../../../src/challenges/dns-01/providers/rfc2136.ts';
import { systemClock } from '../../../../src/time/clock.ts';
import { namesBy, tsigKey, zonesOf } from '../dns-world.ts';
import { behavesAsProvider, challengeValue, type ProviderStage } from '../provider-behaviour.ts';
import {
  challengeZone,
  childZone,
  missing,
  startBind,
  startBindSecondary,
  startKnot,
  startPowerDns,
  zone,
} from './name-server.ts';

const { signal } = new AbortController();
const name = `_acme-challenge.${zone}`;

function updating(
  server: DnsServer,
  changes: Partial<ConstructorParameters<typeof Rfc2136Provider>[0]> = {},
) {
  return new Rfc2136Provider({
    key: tsigKey,
    servers: () => Promise.resolve([server]),
    now: Date.now,
    ...changes,
  });
}

async function valuesAt(server: DnsServer, record: string): Promise<string[]> {
  const { answers } = await ask(server, record, 'TXT', { recursive: false }, signal);
  return answers.map(({ data }) => data);
}

const servers = [
  { program: 'named', start: startBind },
  { program: 'knotd', start: startKnot },
  { program: 'pdns_server', start: startPowerDns },
] as const;

for (const { program, start } of servers) {
  describe(`updates of ${program}`, () => {
    const skip = missing(program);
    const begin = async (t: TestContext): Promise<ProviderStage> => {
      const server = await start(t);
      return {
        provider: updating(server),
        values: (record) => valuesAt(server, record),
        stranger: {
          provider: updating(server, { key: { ...tsigKey, name: 'somebody' } }),
          says: /BADKEY|NOTAUTH|REFUSED/,
        },
        secrets: [tsigKey.secret.toString('base64'), tsigKey.secret.toString()],
      };
    };
    behavesAsProvider(begin, skip);

    it('are refused for a wrong secret, a wrong time and a zone of others, each in its words', {
      skip,
    }, async (t) => {
      const server = await start(t);
      const refusals = [
        [updating(server, { key: { ...tsigKey, secret: Buffer.alloc(32) } }), zone, /BADSIG|NOTAUTH|REFUSED/],
        [updating(server, { now: () => Date.now() - 1_000_000 }), zone, /BADTIME|NOTAUTH|REFUSED/],
        [updating(server), 'other.example', /NOTAUTH|NOTZONE|REFUSED/],
      ] as const;
      for (const [provider, asked, words] of refusals) {
        await assert.rejects(
          provider.check({ name: `_acme-challenge.${asked}`, zone: asked, primary: 'ns' }, signal),
          (error) => {
            assert.ok(error instanceof ProviderError, String(error));
            assert.match(error.message, words);
            t.diagnostic(error.message);
            return true;
          },
        );
      }
    });
  });
}

describe('BIND', { skip: missing('named') }, () => {
  it('and its secondary have the value when it is said to be everywhere', async (t) => {
    const primary = await startBind(t);
    const secondary = await startBindSecondary(t, primary, false);
    const value = challengeValue('one');
    await updating(primary).add(value, signal);
    const nameServers = [primary, secondary].map((server, index) => ({
      name: `ns${index + 1}`,
      addresses: [server],
    }));
    const options = { clock: systemClock, timeLimit: 60_000, wanted: 'present' } as const;
    assert.equal((await awaitPropagation({ name, nameServers }, value.value, options, signal)).done, true);
    assert.deepEqual(await valuesAt(secondary, name), [value.value]);
  });

  it('has a secondary that is named if it stays behind', async (t) => {
    const primary = await startBind(t);
    const secondary = await startBindSecondary(t, primary, true);
    const value = challengeValue('one');
    await updating(primary).add(value, signal);
    const nameServers = [primary, secondary].map((server, index) => ({
      name: `ns${index + 1}`,
      addresses: [server],
    }));
    const options = { clock: systemClock, timeLimit: 1500, wanted: 'present' } as const;
    const { done, answers } = await awaitPropagation({ name, nameServers }, value.value, options, signal);
    assert.deepEqual([done, answers.map(({ state }) => state)], [false, ['has', 'has-not']]);
  });

  it('shows zone cuts, follows CNAMEs, and not those of a wildcard', async (t) => {
    const server = await startBind(
      t,
      `_acme-challenge.a IN CNAME x.${challengeZone}.\n*.wild IN CNAME sites.${zone}.\n`,
    );
    const text = `provider: external-dns\nname-servers: ${serverText(server)}`;
    const names = namesBy(zonesOf({ example: text }));
    const found = async (host: string): Promise<string> => {
      const { name, zone: cut, primary, via, synthesised } = await names.challengeRecord(host, signal);
      assert.equal(primary, `ns1.${zone}`);
      return [name, cut, via.length, synthesised].join(' ');
    };
    assert.equal(await found(zone), `${name} ${zone} 0 `);
    assert.equal(await found(childZone), `_acme-challenge.${childZone} ${childZone} 0 `);
    assert.equal(await found(`a.${zone}`), `x.${challengeZone} ${challengeZone} 1 `);
    assert.equal(await found(`wild.${zone}`), `_acme-challenge.wild.${zone} ${zone} 0 sites.${zone}`);
    const provider = updating(server);
    const value = {
      ...challengeValue('one'),
      record: { name: `x.${challengeZone}`, zone: challengeZone, primary: '' },
    };
    await provider.add(value, signal);
    assert.deepEqual(await valuesAt(server, value.record.name), [value.value]);
  });

  it('keeps the values of nsupdate, and nsupdate keeps ours', { skip: missing('nsupdate') }, async (t) => {
    const server = await startBind(t);
    const session = await startSession();
    t.after(() => session.stop());
    const keyFile = join(session.directory, 'key');
    const secret = tsigKey.secret.toString('base64');
    await writeFile(
      keyFile,
      `key "${tsigKey.name}" { algorithm ${tsigKey.algorithm}; secret "${secret}"; };`,
    );
    const nsupdate = async (line: string): Promise<void> => {
      const file = join(session.directory, 'update');
      await writeFile(file, `server ${server.address} ${server.port}\nzone ${zone}\n${line}\nsend\n`);
      await promisify(execFile)('nsupdate', ['-k', keyFile, file]);
    };
    const [ours, theirs] = [challengeValue('ours'), 'theirs'];
    await Promise.all([updating(server).add(ours, signal), nsupdate(`update add ${name}. 60 TXT ${theirs}`)]);
    assert.deepEqual(new Set(await valuesAt(server, name)), new Set([ours.value, theirs]));
    await updating(server).remove(ours, signal);
    assert.deepEqual(await valuesAt(server, name), [theirs]);
    await updating(server).add(ours, signal);
    await nsupdate(`update delete ${name}. TXT ${theirs}`);
    assert.deepEqual(await valuesAt(server, name), [ours.value]);
  });
});
