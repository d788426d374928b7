import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type HttpsVisit, visit } from '../../deploy/local/https-visit.ts';
import { recordField } from '../../src/process/json.ts';
import { secretPath } from '../controller-failures/objects.ts';
import type { Stage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Checks that the Secret `namespace/name` holds what the CA issued for exactly these hosts, up to its root, with the
 * key that belongs to it and our marks.
 * @returns the leaf
 */
export async function assertStored(
  stage: Stage,
  key: string,
  hosts: readonly string[],
): Promise<X509Certificate> {
  const secret = await stage.object(secretPath(key));
  assert.ok(secret, `there is no Secret ${key}`);
  assert.equal(secret['type'], 'kubernetes.io/tls');
  const metadata = recordField(secret, 'metadata');
  assert.equal(recordField(metadata, 'labels')?.['app.kubernetes.io/managed-by'], 'kube-lego');
  assert.equal(recordField(metadata, 'annotations')?.['kube-lego.io/directory'], stage.directoryUrl);

  const { 'tls.crt': chainPem = '', 'tls.key': keyPem = '' } = (await stage.secret(key)) ?? {};
  const [leaf, ...issuers] = (chainPem.match(pemCertificate) ?? []).map((pem) => new X509Certificate(pem));
  assert.ok(leaf, `Secret ${key} holds no certificate`);
  assert.ok(leaf.checkPrivateKey(createPrivateKey(keyPem)), 'the key is that of the certificate');
  assert.deepEqual(
    leaf.subjectAltName?.split(', ').toSorted(),
    hosts.map((host) => `DNS:${host}`).toSorted(),
  );
  const root = new X509Certificate(await stage.world.pebble.rootPem());
  let subject = leaf;
  for (const issuer of [...issuers, root]) {
    assert.ok(subject.checkIssued(issuer) && subject.verify(issuer.publicKey), 'each is signed by the next');
    subject = issuer;
  }
  return leaf;
}

/** Waits until the edge serves the host over HTTPS with a certificate that verifies against the CA's root. */
export async function untilServed(stage: Stage, ...hosts: readonly string[]): Promise<void> {
  const root = await stage.world.pebble.rootPem();
  for (const host of hosts) {
    let last: HttpsVisit | undefined;
    await eventually(`https://${host}/ is served`, async () => {
      last = await visit(host, stage.world.edge.httpsPort, [root]);
      return last.status === 200;
    });
  }
}
