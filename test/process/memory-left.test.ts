import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryLeft } from '../../src/process/memory-left.ts';

const v2 = '/sys/fs/cgroup/memory';
const v1 = '/sys/fs/cgroup/memory/memory';

function left(files: Readonly<Record<string, string>>): Promise<number | undefined> {
  return memoryLeft((path) => {
    const text = files[path];
    return text === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(text);
  });
}

describe('the memory that a container has left', () => {
  it('is what its limit leaves, with the page cache that the kernel gives up', async () => {
    const stat = 'anon 100\ninactive_file 50\n';
    assert.equal(
      await left({ [`${v2}.max`]: '1000\n', [`${v2}.current`]: '700\n', [`${v2}.stat`]: stat }),
      350,
    );
    const old = 'inactive_file 1\ntotal_inactive_file 50\n';
    assert.equal(
      await left({
        [`${v1}.limit_in_bytes`]: '1000\n',
        [`${v1}.usage_in_bytes`]: '1100\n',
        [`${v1}.stat`]: old,
      }),
      0,
    );
  });

  it('is not known without a limit, and without cgroups', async () => {
    assert.equal(
      await left({ [`${v2}.max`]: 'max\n', [`${v2}.current`]: '7\n', [`${v2}.stat`]: '' }),
      undefined,
    );
    const unlimited = { [`${v1}.limit_in_bytes`]: '9223372036854771712\n', [`${v1}.usage_in_bytes`]: '7\n' };
    assert.equal(await left({ ...unlimited, [`${v1}.stat`]: '' }), undefined);
    assert.equal(await left({}), undefined);
  });
});
