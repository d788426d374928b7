import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { zonesDocument } from '../../deploy/local/world.ts';
import type { Check } from '../../src/commands/explain/explanation.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { explained, runCommand } from './command-run.ts';

const zone = 'shop.example.com';
let stage: Stage;

/** With the rights that the command has in the pod. */
async function run(...argv: string[]) {
  const KUBECONFIG = await stage.world.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
  return runCommand(stage, 'zones', argv, { ...environment(), KUBECONFIG });
}
function environment(): Record<string, string> {
  return { LEGO_DNS_ZONES: 'kube-lego-zones', LEGO_DNS_SERVERS: stage.world.zoneServer.address };
}

function textOf(checks: readonly Check[], about: string): string {
  return checks.find((check) => check.about === about)?.text ?? assert.fail(JSON.stringify(checks));
}

describe('kube-lego zones', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], zones: [zone] });
  });
  after(() => stage.stop());

  it('says that there is no document', async () => {
    const { code, errors } = await run();
    assert.deepEqual([code, errors.includes('There is no ConfigMap kube-lego/kube-lego-zones')], [1, true]);
  });

  it('shows the zone, its name servers, and a test value that comes and goes', async () => {
    await stage.apply(zonesDocument(stage.world.zoneServer, 'namespaces: shop'));
    const { code, output } = await run();
    const { address } = stage.world.zoneServer;
    assert.match(
      output,
      /^shop\.example\.com {2}ok\n {2}by rfc2136, for shop; hosts by http-01 unless they ask otherwise\n/,
    );
    assert.ok(output.includes(`The DNS zone is ${zone}, its primary ns1.${zone}.`), output);
    assert.match(
      output,
      new RegExp(
        `A test value at _acme-challenge\\.kube-lego-[0-9a-f]+\\.shop.*: ${address} has it\\.\n {2}It is removed\\.`,
      ),
    );
    assert.equal(code, 0);
    assert.deepEqual(stage.world.zoneServer.texts, []);
  });

  it('says what is wrong, and leaves the right ones alone', async () => {
    stage.world.zoneServer.clockAhead = 1000;
    const { code, output } = await run('--output', 'json');
    stage.world.zoneServer.clockAhead = 0;
    assert.equal(code, 1);
    assert.match(output, /BADTIME.*Set both clocks right/s);
    const { output: listed, code: good } = await run('--offline', zone);
    assert.deepEqual([good, listed.trimEnd().split('\n').length], [0, 2]);
    assert.equal((await run('none.example.com')).code, 1);
  });

  it('is what explain refers to: the record with the dig lines, and the lines of a zone that is missing', async () => {
    const tls = { 'wild-tls': [`*.${zone}`], 'other-tls': ['*.other.example.com'] };
    await stage.apply(ingress('shop/wild', { tls }));
    const { checks } = await explained(stage, 'shop/wild', environment());
    const record = textOf(checks, `record *.${zone}`);
    assert.match(record, new RegExp(`dig \\+noall \\+answer TXT _acme-challenge\\.${zone};`));
    assert.match(textOf(checks, 'NoDnsZone'), /no DNS zone that namespace shop may use has it/);
    assert.match(
      textOf(checks, 'zone *.other.example.com'),
      /"other\.example\.com: \|".*"  namespaces: shop"/,
    );
  });
});
