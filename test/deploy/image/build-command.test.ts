import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildCommand, builders } from '../../../deploy/image/build-command.ts';

const image = {
  context: 'built',
  tag: 'example.com/a:1',
  version: '1',
  commit: { revision: 'abc', time: 1_700_000_000 },
};

describe('the command that builds the image', () => {
  it('is dated with the commit, whichever program builds', () => {
    for (const builder of builders) {
      const command = buildCommand({ builder, ...image }).join(' ');
      assert.match(command, /1700000000/);
      assert.match(command, /created=2023-11-14T22:13:20\.000Z/);
      assert.match(command, /--file=deploy\/image\/Dockerfile --tag=example\.com\/a:1/);
    }
  });

  it('takes another base, and says which', () => {
    const command = buildCommand({ builder: 'podman', ...image, base: 'node@sha256:0' });
    assert.ok(command.includes('--build-arg=BASE=node@sha256:0'));
    assert.ok(command.includes('--label=org.opencontainers.image.base.name=node@sha256:0'));
  });
});
