import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { before, describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import { toolPath } from '../../../deploy/local/tools/tool-path.ts';
import { assess } from '../../../machines/assessment/assessment.ts';
import { loadWithGo } from '../../../src/certificate/loading/go.ts';
import { readCertificate } from '../../../src/certificate/reading.ts';
import { day, desiredCertificate, route, secretFacts } from '../../machines/builders.ts';
import { host } from './certificate-fields.ts';
import { damaged } from './damage.ts';
import { type Form, groups, judgedAt, toDamage } from './forms.ts';

/** The errors of tls.X509KeyPair; empty where it loads. */
async function loadInGo(pairs: readonly Pick<Form, 'chain' | 'key'>[]): Promise<string[]> {
  const child = spawn(toolPath('load-key-pairs'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
  const input = pairs.map(({ chain, key }) => JSON.stringify({ chain: base64(chain), key: base64(key) }));
  child.stdin.end(input.join('\n'));
  const lines = (await text(child.stdout)).trimEnd().split('\n');
  return lines.map((line) => {
    const refusal: unknown = JSON.parse(line);
    return String(refusal);
  });
}

function loadsInOpenssl({ chain, key }: Pick<Form, 'chain' | 'key'>): boolean {
  try {
    createSecureContext({ cert: Buffer.from(chain, 'latin1'), key: Buffer.from(key, 'latin1'), ca: [] });
    return true;
  } catch {
    return false;
  }
}

/** Of each form; ten thousand of each were tried once. */
const damages = 160;

const policy = { minimumValidity: 30 * day, directory: 'https://ca.example/directory', staging: false };

/** What kube-lego says of a Secret of its own. */
function verdictOf({ chain, key }: Form): string {
  const certificate = readCertificate(Buffer.from(chain, 'latin1'), Buffer.from(key, 'latin1'));
  const secret = secretFacts({ certificate, directory: policy.directory });
  const assessment = assess(
    desiredCertificate({ hosts: [route(host)] }),
    secret,
    policy,
    () => undefined,
    judgedAt,
  );
  return assessment.kind === 'due' ? assessment.reason : assessment.kind;
}

describe('a key pair is good if servers with OpenSSL and servers in Go load it', () => {
  const errors = new Map<Form, string>();

  before(async () => {
    const forms = Object.values(groups).flat();
    const found = await loadInGo(forms);
    for (const [index, form] of forms.entries()) errors.set(form, found[index] ?? 'no answer');
  });

  for (const [group, forms] of Object.entries(groups)) {
    describe(group, () => {
      for (const form of forms) {
        const [openssl, go, verdict] = form.expected;
        const by = openssl && go ? 'both' : openssl ? 'OpenSSL' : go ? 'Go' : 'neither';
        it(`${form.name}: loaded by ${by}, ${verdict}`, () => {
          const error = errors.get(form) ?? 'not asked';
          const ours = loadWithGo(form.chain, form.key).refusal;
          assert.deepEqual([loadsInOpenssl(form), error === '', verdictOf(form)], form.expected, error);
          assert.equal(ours === undefined, error === '', `${error}; ${JSON.stringify(ours)}`);
        });
      }
    });
  }

  describe('any damage', () => {
    for (const form of toDamage) {
      it(`of ${form.name}: good if both still load it`, async () => {
        const pairs = [...damaged(form, damages)];
        const found = await loadInGo(pairs);
        for (const [index, pair] of pairs.entries()) {
          const facts = readCertificate(Buffer.from(pair.chain, 'latin1'), Buffer.from(pair.key, 'latin1'));
          const isLoaded = facts.kind === 'readable' && facts.keyMatches && facts.refused === undefined;
          const error = found[index] ?? 'no answer';
          const told = JSON.stringify([index, error, facts]);
          assert.equal(isLoaded, loadsInOpenssl(pair) && error === '', told);
        }
      });
    }
  });
});
