import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatusDocument } from '../../../machines/ingress/status.ts';
import { describeFailure, reasons } from '../../../machines/reasons/reasons.ts';
import { decodeStatus, encodeStatus } from '../../../src/kubernetes/records/status-annotation.ts';

/** Octets of a line that `kubectl describe` shows (printAnnotationsMultiline). */
const describedWidth = 138;
const failing = describeFailure({
  code: 'SelfCheckFailed',
  message: `Host ${'label.'.repeat(12)}example.com answered "404 Nicht gefunden" für …`,
});
const document: StatusDocument = {
  secrets: {
    'web-tls': {
      state: 'failed',
      since: '2026-11-24T12:00:00Z',
      reason: 'SelfCheckFailed',
      message: failing,
      failures: 3,
      nextAttempt: '2026-11-24T13:00:00Z',
      notices: [{ reason: 'ClockSkewed', message: reasons.ClockSkewed.remedy }],
    },
    'api-tls': { state: 'good', since: '2026-11-24T12:00:00Z' },
  },
  notices: [{ reason: 'HostNotInTls', message: 'two  spaces' }],
  ingress: 'uid',
};

describe('the text of the status annotation', () => {
  it('is JSON that says what the status says', () => {
    const text = encodeStatus(document) ?? '';
    assert.deepEqual(decodeStatus(text), document);
    assert.partialDeepStrictEqual(JSON.parse(text), { version: 1, secrets: { 'web-tls': { failures: 3 } } });
  });

  it('has each message and its remedy in lines that kubectl describe shows in full', () => {
    const lines = (encodeStatus(document) ?? '').split('\n');
    for (const line of lines) assert.ok(Buffer.byteLength(line) <= describedWidth, line);
    const shown = lines.join('').replaceAll('","', ' ').replaceAll('\\"', '"');
    assert.ok(shown.includes(failing), shown);
    assert.ok(shown.includes(reasons.ClockSkewed.remedy), shown);
  });

  it('with a message of one piece, as earlier versions wrote it, is read, too', () => {
    const message = 'It is dead. Mend it.';
    const entry = { state: 'failed', since: '2026-11-24T12:00:00Z', message, notices: [] };
    const text = JSON.stringify({ version: 1, secrets: { a: entry }, ingress: 'uid' });
    assert.equal(decodeStatus(text)?.secrets['a']?.message, message);
    const damaged = text.replace(`"${message}"`, '[1,"b"]');
    assert.deepEqual(decodeStatus(damaged)?.secrets['a'], { state: 'failed', since: '2026-11-24T12:00:00Z' });
  });
});
