import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from 'pino';
import { createLog } from '../../src/process/log.ts';
import { newKeyPem } from '../certificate/test-ca.ts';
import { cpuTime } from '../time/cpu-time.ts';

function written(write: (log: Logger) => void, logType: 'json' | 'text' = 'json', logLevel = 'info'): string {
  let text = '';
  const stream = {
    write: (line: string) => {
      text += line;
    },
  };
  write(createLog({ logLevel, logType }, stream));
  return text;
}

function parsed(write: (log: Logger) => void): Record<string, unknown> {
  const line: unknown = JSON.parse(written(write));
  assert.ok(typeof line === 'object' && line !== null);
  return { ...line };
}

describe('the log', () => {
  it('writes lean JSON lines with a readable level and time', () => {
    const { time, ...rest } = parsed((log) => log.info({ ingress: 'shop/web' }, 'A certificate was stored.'));
    assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
    assert.deepEqual(rest, { level: 'info', ingress: 'shop/web', msg: 'A certificate was stored.' });
  });

  it('writes lines for people at once', () => {
    const text = written((log) => log.warn({ ingress: 'shop/web' }, 'It is tried again.'), 'text');
    assert.match(text, /WARN.*It is tried again\.\n\s+ingress: "shop\/web"/);
  });

  it('leaves out what is less severe than the level', () => {
    assert.equal(
      written((log) => log.debug('hidden')),
      '',
    );
    assert.match(
      written((log) => log.debug('shown'), 'json', 'debug'),
      /shown/,
    );
  });

  it('shows the causes of an error, and nothing else that hangs on it', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
      request: { body: 'large' },
    });
    const error = Object.assign(new Error('The API server is away', { cause }), { code: 'Unreachable' });
    assert.deepEqual(parsed((log) => log.error(error, 'Not written.'))['err'], {
      type: 'Error',
      message: 'The API server is away',
      code: 'Unreachable',
      cause: { type: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
    });
  });

  it('says where an unforeseen error was thrown', () => {
    assert.match(
      JSON.stringify(parsed((log) => log.error(new TypeError('a bug')))),
      /"stack":"TypeError: a bug/,
    );
  });

  for (const logType of ['json', 'text'] as const) {
    it(`shows nobody's text in a way that forges lines or hides others (${logType})`, () => {
      const evil = 'a\u001B[2K\r\n[12:00:00.000] INFO: forged\u202Eb\u009Bc';
      const text = written((log) => {
        log.warn({ keyType: evil, list: [evil], [evil]: 1 }, evil);
        log.error(new TypeError(evil, { cause: Object.assign(new Error(evil), { code: evil }) }));
        log.info(new Error(evil), evil);
      }, logType);
      assert.doesNotMatch(text, /\p{Cf}|(?!\n)\p{Cc}|\\u001b|^\S*\[12:00|\\n\[12:00/gmu);
      assert.match(text, /INFO: forged/);
    });

    it(`shows no more of a text or an object than a reader can take (${logType})`, () => {
      let deep: object = {};
      for (let depth = 0; depth < 10_000; depth += 1) deep = { deep };
      const wide = Array.from({ length: 100_000 }, (_, index) => index);
      const long = '-eyJ'.repeat(65_536);
      const cpu = cpuTime(() => {
        const text = written((log) => {
          log.warn({ long, deep, wide, nested: { wide, bytes: Buffer.alloc(100_000) } }, long);
          log.error(Object.assign(new Error(long), { stack: `${long}\n    at a` }), long);
        }, logType);
        assert.ok(text.length < 50_000, String(text.length));
      });
      assert.ok(cpu < 1000, `${cpu} ms`);
    });

    it(`never shows keys and tokens, even when told to (${logType})`, () => {
      const keyPem = newKeyPem();
      const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl';
      const text = written((log) => {
        log.info({ keyPem, secret: { data: { 'tls.key': keyPem } }, hmacKey: 'hmac-secret' }, 'one');
        log.info({ headers: { authorization: 'Bearer abcdefghijklmnop' } }, `two ${keyPem} "quoted"`);
        log.info({ list: [{ deep: { er: { token: 'short-secret' } } }] }, 'a list');
        log.error(new Error(`three ${keyPem.slice(0, 100)}`), `Bearer ${jwt}`);
        log.info(`https://ca.example/unpause?jwt=${jwt}`);
      }, logType);
      const [, firstLine = ''] = keyPem.split('\n');
      const secrets = [
        firstLine.slice(0, 20),
        'hmac-secret',
        'short-secret',
        'abcdefghijklmnop',
        jwt,
        'c2lnbmF0dXJl',
      ];
      for (const secret of secrets) {
        assert.ok(!text.includes(secret), `${secret} is in ${text}`);
      }
      if (logType === 'json') for (const line of text.trim().split('\n')) JSON.parse(line);
    });
  }
});
