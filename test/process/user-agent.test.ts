import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userAgent } from '../../src/process/user-agent.ts';

test('the User-Agent names us also without a home on the web', () => {
  assert.match(userAgent('1.2.3', undefined), /^kube-lego\/1\.2\.3 undici\/[\d.]+$/);
});
