// Name servers of others, where they are installed (Debian: bind9, knot, pdns-server and pdns-backend-sqlite3).

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { onFreePorts } from '../../../../deploy/local/free-ports.ts';
import { startSession } from '../../../../deploy/local/session.ts';
import { ask, type DnsServer } from '../../../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { tsigKey } from '../dns-world.ts';

const run = promisify(execFile);
const startLimit = 60_000;

export const zone = 'shop.example';
export const childZone = 'eu.shop.example';
export const challengeZone = 'acme.example';
const secret = tsigKey.secret.toString('base64');
const directories = ['/usr/sbin', '/usr/bin', '/sbin', '/usr/local/sbin', '/usr/local/bin'];

/** Where a program is installed. */
export function programAt(name: string): string | undefined {
  return directories
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** For `skip` of a test: false if it is installed, else why not. */
export function missing(name: string): string | false {
  return programAt(name) === undefined ? `${name} is not installed` : false;
}

function zoneFile(names: readonly string[], refresh = 3600): string {
  const soa = `$TTL 5\n@ IN SOA ns1.${zone}. ops.${zone}. 1 ${refresh} 2 3600 1\n`;
  return `${soa}${names.map((name) => `@ IN NS ${name}.${zone}.\n${name} IN A 127.0.0.1\n`).join('')}`;
}

interface Setting {
  readonly directory: string;
  readonly port: number;
}

/** Writes its files and says how it is started. */
type Recipe = (setting: Setting) => Promise<{ readonly command: string; readonly args: readonly string[] }>;

async function startServer(t: TestContext, name: string, recipe: Recipe): Promise<DnsServer> {
  const session = await startSession();
  t.after(() => session.stop());
  return onFreePorts(1, async ([port = 0]) => {
    const directory = join(session.directory, `${name}-${port}`);
    await mkdir(directory);
    const { command, args } = await recipe({ directory, port });
    const server = { address: '127.0.0.1', port };
    const process = session.spawn({ name: `${name}-${port}`, command, args });
    await process.untilReady(async (signal) => {
      const { rcode } = await ask(server, zone, 'SOA', { recursive: false }, signal);
      return rcode === 'NOERROR';
    }, startLimit);
    return server;
  });
}

/**
 * With two more zones: one that is delegated, and one that CNAMEs lead to.
 * @param records further lines of the zone
 */
export function startBind(t: TestContext, records = ''): Promise<DnsServer> {
  return startServer(t, 'named', async ({ directory, port }) => {
    const policy = `update-policy { grant ${tsigKey.name} zonesub TXT; };`;
    const texts = [zone, childZone, challengeZone].map(async (name) => {
      const delegation = name === zone ? `eu IN NS ns1.${zone}.\n${records}` : '';
      await writeFile(join(directory, name), `${zoneFile(['ns1', 'ns2'])}${delegation}`);
      return [name, `type primary; file "${name}"; notify no; allow-transfer { any; }; ${policy}`] as const;
    });
    return bind(directory, port, Object.fromEntries(await Promise.all(texts)));
  });
}

/** A secondary that asks its primary again every two seconds, or (almost) never. */
export function startBindSecondary(t: TestContext, primary: DnsServer, isLate: boolean): Promise<DnsServer> {
  const refresh = isLate ? 100_000 : 1;
  return startServer(t, 'named', ({ directory, port }) =>
    bind(directory, port, {
      [zone]:
        `type secondary; file "zone"; notify no; primaries { ${primary.address} port ${primary.port}; }; ` +
        `min-refresh-time ${refresh}; max-refresh-time ${refresh + 1};`,
    }),
  );
}

/** @param zones the text of each */
async function bind(
  directory: string,
  port: number,
  zones: Readonly<Record<string, string>>,
): ReturnType<Recipe> {
  const config = `
    options {
      directory "${directory}"; pid-file none; session-keyfile none; lock-file none;
      listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
      recursion no; dnssec-validation no; empty-zones-enable no;
    };
    controls { };
    key "${tsigKey.name}" { algorithm ${tsigKey.algorithm}; secret "${secret}"; };
    ${Object.entries(zones)
      .map(([name, text]) => `zone "${name}" { ${text} };`)
      .join('\n')}`;
  const file = join(directory, 'named.conf');
  await writeFile(file, config);
  return { command: programAt('named') ?? 'named', args: ['-g', '-n', '1', '-c', file] };
}

export function startKnot(t: TestContext): Promise<DnsServer> {
  return startServer(t, 'knotd', async ({ directory, port }) => {
    await writeFile(join(directory, 'zone'), zoneFile(['ns1']));
    const file = join(directory, 'knot.conf');
    const config = {
      server: { rundir: directory, listen: `127.0.0.1@${port}` },
      database: { storage: directory },
      key: [{ id: `${tsigKey.name}.`, algorithm: tsigKey.algorithm, secret }],
      acl: [{ id: 'challenges', key: `${tsigKey.name}.`, action: 'update', 'update-type': ['TXT'] }],
      zone: [{ domain: zone, storage: directory, file: 'zone', acl: 'challenges' }],
    };
    await writeFile(file, knotText(config));
    return { command: programAt('knotd') ?? 'knotd', args: ['-c', file] };
  });
}

/** Knot's YAML knows no quotes around keys. */
function knotText(config: Readonly<Record<string, object>>): string {
  return Object.entries(config)
    .map(([section, items]) => {
      const blocks = [items].flat().map((item: object) => {
        const lines = Object.entries(item).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
        return `${Array.isArray(items) ? '  - ' : '    '}${lines.join('\n    ')}`;
      });
      return `${section}:\n${blocks.join('\n')}\n`;
    })
    .join('');
}

export function startPowerDns(t: TestContext): Promise<DnsServer> {
  return startServer(t, 'pdns_server', async ({ directory, port }) => {
    const database = join(directory, 'pdns.sqlite3');
    await run('sqlite3', [database, `.read ${await schema()}`]);
    const config = [
      'launch=gsqlite3',
      `gsqlite3-database=${database}`,
      'local-address=127.0.0.1',
      `local-port=${port}`,
      `socket-dir=${directory}`,
      'dnsupdate=yes',
      'guardian=no',
      'daemon=no',
      'query-cache-ttl=0',
      'cache-ttl=0',
      'negquery-cache-ttl=0',
    ];
    await writeFile(join(directory, 'pdns.conf'), config.join('\n'));
    const utility = (...args: string[]) => run('pdnsutil', ['--config-dir', directory, ...args]);
    await utility('create-zone', zone, `ns1.${zone}`);
    await utility('import-tsig-key', tsigKey.name, tsigKey.algorithm, secret);
    await utility('set-meta', zone, 'TSIG-ALLOW-DNSUPDATE', tsigKey.name);
    await utility('set-meta', zone, 'ALLOW-DNSUPDATE-FROM', '127.0.0.0/8');
    return { command: programAt('pdns_server') ?? 'pdns_server', args: [`--config-dir=${directory}`] };
  });
}

async function schema(): Promise<string> {
  const path = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';
  await readFile(path);
  return path;
}
