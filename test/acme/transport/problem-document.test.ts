import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readBlock } from '../../../machines/ledger/learned-block.ts';
import { requestRefused } from '../../../src/acme/protocol/order-error.ts';
import { AcmeProblem } from '../../../src/acme/transport/problem.ts';
import { readLinks, readProblem } from '../../../src/acme/transport/problem-document.ts';
import { cpuTime } from '../../time/cpu-time.ts';

const escape = '\u001B]0;owned\u0007\u001B[2J';

describe('a problem document of the CA', () => {
  it('has each text on one line, without control characters', () => {
    const problem = readProblem({
      type: `urn:ietf:params:acme:error:dns${escape}`,
      detail: `no\u202E such\n${escape}host`,
      instance: `https://ca.example/${escape}`,
      subproblems: [
        {
          type: `caa${escape}`,
          detail: escape,
          identifier: { type: `dns${escape}`, value: `a.example${escape}` },
        },
      ],
    });
    assert.doesNotMatch(JSON.stringify(problem), /\\u00|\\n|\u202E/);
    assert.match(JSON.stringify(problem), /"dns \]0;owned \[2J"/);
  });

  it('is bounded in all its parts', () => {
    const long = 'x'.repeat(200_000);
    const subproblem = { type: long, detail: long, identifier: { type: long, value: long } };
    const problem = readProblem({
      type: long,
      detail: long,
      instance: long,
      subproblems: Array.from({ length: 1000 }, () => subproblem),
    });
    assert.ok(problem !== undefined && problem.subproblems.length <= 100);
    assert.ok(problem.type.length <= 101 && problem.detail.length <= 8193);
    assert.ok((problem.instance?.length ?? 0) <= 2049);
    const cause = new AcmeProblem({ ...problem, endpoint: 'new-order', ca: 'ca.example' });
    assert.ok(cause.message.length <= 1500);
    assert.ok(requestRefused('refused', ['a.example'], cause).message.length <= 4001);
  });

  it('is read at once however long and repetitive its detail is', () => {
    const beginnings = [
      'too many certificates ',
      'too many failed authorizations ',
      'temporarily prevented from requesting certificates for ',
      'retry after ',
      'https://',
      '"a',
    ];
    for (const beginning of beginnings) {
      const detail = beginning.repeat(352_256 / beginning.length);
      const refusal = { type: 'rateLimited', detail, retryAfter: undefined };
      assert.ok(cpuTime(() => readBlock(refusal)) < 1000, `readBlock of ${beginning}`);
      const made = (): unknown => {
        const problem = readProblem(refusal, 429);
        assert.ok(problem !== undefined);
        const cause = new AcmeProblem({ ...problem, endpoint: 'new-order', ca: 'ca.example' });
        return [cause.unpauseUrl, cause.transient, requestRefused('refused', ['a.example'], cause)];
      };
      assert.ok(cpuTime(made) < 100, beginning);
    }
  });
});

describe('the links of an answer', () => {
  const base = 'https://ca.example/certificate/1';

  it('are found by their relation', () => {
    const header =
      '<https://ca.example/1>;rel="alternate", <https://ca.example/up>; rel=up, </2>;title="a, b"; REL="Alternate index"';
    assert.deepEqual(readLinks(header, 'alternate', base), ['https://ca.example/1', 'https://ca.example/2']);
    assert.deepEqual(readLinks(header, 'up', base), ['https://ca.example/up']);
    assert.deepEqual(readLinks(undefined, 'up', base), []);
  });

  it('can have any name of a relation', () => {
    for (const relation of ['__proto__', 'constructor', 'toString']) {
      const header = `<x>;rel="${relation}", <https://ca.example/1>;rel="alternate"`;
      assert.deepEqual(readLinks(header, 'alternate', base), ['https://ca.example/1']);
    }
    assert.deepEqual(readLinks('<x>;rel="__proto__"', 'terms-of-service', base), []);
  });

  it('are few, and read at once, whatever the header is', () => {
    assert.equal(readLinks('<x>;rel="alternate",'.repeat(5000), 'alternate', base).length, 20);
    for (const part of ['<', '<x>;', '<x>;rel=', ';', '<a,'])
      assert.ok(cpuTime(() => readLinks(part.repeat(100_000), 'alternate', base)) < 1000, part);
  });
});
