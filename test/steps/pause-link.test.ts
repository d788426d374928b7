import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import { describeFailure } from '../../machines/reasons/reasons.ts';
import { statusMessage } from '../../machines/reasons/status-text.ts';
import { requestRefused } from '../../src/acme/protocol/order-error.ts';
import { AcmeProblem } from '../../src/acme/transport/problem.ts';
import { OrderReports } from '../../src/authority/order-reports.ts';
import { createLog } from '../../src/process/log.ts';
import { failureOf } from '../../src/steps/failures.ts';
import { pauseLinkEvent } from '../../src/steps/pause-link.ts';
import { desiredCertificate, now } from '../machines/builders.ts';

const link = 'https://ca.example/sfe/v1/unpause?jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2VjcmV0';
const hosts = ['good.example.com', 'paused.example.com'];

function paused(url = link): AcmeProblem {
  return new AcmeProblem({
    type: 'rateLimited',
    detail: `Your account is temporarily prevented from requesting certificates for paused.example.com and possibly others. Please visit: ${url}`,
    endpoint: 'new-order',
    ca: 'ca.example',
    status: 429,
  });
}

describe('the refusal of a paused name', () => {
  it('is a failure of its own that names the host and what to do, without the link', () => {
    const failure = failureOf(requestRefused('refused', hosts, paused()), now);
    assert.equal(failure.code, 'NamePaused');
    assert.equal(failure.host, 'paused.example.com');
    assert.equal(failure.retryAt, undefined, 'so that a new value of the retry annotation is enough');
    assert.match(describeFailure(failure), /No certificate for paused\.example\.com: .*kube-lego\.io\/retry/);
    assert.doesNotMatch(JSON.stringify(failure) + statusMessage(failure), /jwt|eyJ|https:/);
  });

  it('keeps a link of any other form out of sentences, too', () => {
    const other = 'https://ca.example/unpause/0123456789abcdef';
    const failure = failureOf(requestRefused('refused', hosts, paused(other)), now);
    assert.doesNotMatch(JSON.stringify(failure), /0123456789abcdef/);
  });

  it('tells the ledger the names, not the link', () => {
    const told: OrderReport[] = [];
    const reports = new OrderReports('round', hosts, (report) => told.push(report));
    reports.enters('ordering');
    reports.failed(requestRefused('refused', hosts, paused()));
    assert.equal(told.at(-1)?.type, 'ORDER_REFUSED');
    assert.match(JSON.stringify(told), /"cause":"paused".*"paused\.example\.com"/);
    assert.doesNotMatch(JSON.stringify(told), /jwt|eyJ/);
  });

  it('can be logged, as an error and as the cause of one', () => {
    const lines: string[] = [];
    const log = createLog({ logLevel: 'info', logType: 'json' }, { write: (line) => lines.push(line) });
    log.warn(requestRefused('refused', hosts, paused()), 'An order was refused.');
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines.join(), /jwt|eyJ/);
  });

  it('gives the link, which is in one Event for the owner', () => {
    assert.equal(requestRefused('refused', hosts, paused()).unpauseUrl, link);
    const input = { source: 'Ingress/shop/web', sourceUid: 'uid', desired: desiredCertificate() } as const;
    const event = pauseLinkEvent(input, link);
    assert.deepEqual(event.source, { kind: 'Ingress', namespace: 'shop', name: 'web', uid: 'uid' });
    assert.equal(event.link, link);
    assert.doesNotMatch(event.message, /jwt/);
  });
});
