import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Authority } from './authority.ts';

export interface ApiServerOptions {
  /** beside the API server's default ones, ValidatingAdmissionPolicy among them */
  readonly enableAdmissionPlugins?: readonly string[];
  readonly disableAdmissionPlugins?: readonly string[];
  /** further flags of kube-apiserver */
  readonly apiServerFlags?: readonly string[];
}

/** The files that the servers read and write, as paths. */
export interface ClusterFiles {
  readonly adminKubeconfig: string;
  readonly adminToken: string;
  readonly auditLog: string;
  readonly auditPolicy: string;
  readonly serviceAccountKey: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
  readonly tokens: string;
}

/**
 * Writes the keys, the tokens and the audit policy of a new cluster.
 * @returns also the authority (PEM) that has signed the API server's certificate
 */
export async function writeClusterFiles(directory: string): Promise<{ files: ClusterFiles; ca: string }> {
  const files: ClusterFiles = {
    adminKubeconfig: join(directory, 'admin.kubeconfig'),
    adminToken: randomBytes(16).toString('hex'),
    auditLog: join(directory, 'audit.log'),
    auditPolicy: join(directory, 'audit-policy.json'),
    serviceAccountKey: join(directory, 'service-account.key'),
    servingCertificate: join(directory, 'kube-apiserver.crt'),
    servingKey: join(directory, 'kube-apiserver.key'),
    tokens: join(directory, 'tokens.csv'),
  };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // Left to itself, the API server makes RSA keys: they cost tenths of a second of CPU at its start, and each handshake a millisecond.
  const authority = new Authority('kube-apiserver');
  const serving = authority.issue({ hosts: ['localhost'], addresses: ['127.0.0.1'] });
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived', 'ResponseStarted'],
    rules: [{ level: 'Metadata' }],
  };
  await Promise.all([
    writeFile(files.serviceAccountKey, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 }),
    writeFile(files.servingCertificate, serving.chainPem),
    writeFile(files.servingKey, serving.keyPem, { mode: 0o600 }),
    writeFile(files.auditPolicy, JSON.stringify(policy)),
    // An existing log is opened for appending, so it can be truncated.
    writeFile(files.auditLog, ''),
    writeFile(files.tokens, `${files.adminToken},admin,admin,system:masters\n`, { mode: 0o600 }),
  ]);
  return { files, ca: authority.certificatePem };
}

/** @param url where clients reach it */
export function etcdArguments(data: string, url: string): string[] {
  return [
    `--data-dir=${data}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    // Durability is not needed.
    '--unsafe-no-fsync',
  ];
}

export function apiServerArguments(parts: {
  readonly files: ClusterFiles;
  readonly etcdUrl: string;
  readonly port: number;
  readonly options: ApiServerOptions;
}): string[] {
  const { files, options } = parts;
  // The plugin would require a ServiceAccount in each namespace, which only the controller manager creates.
  const disabled = ['ServiceAccount', ...(options.disableAdmissionPlugins ?? [])];
  const enabled = options.enableAdmissionPlugins ?? [];
  return [
    `--etcd-servers=${parts.etcdUrl}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${parts.port}`,
    `--tls-cert-file=${files.servingCertificate}`,
    `--tls-private-key-file=${files.servingKey}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${files.serviceAccountKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    `--token-auth-file=${files.tokens}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    `--disable-admission-plugins=${disabled.join(',')}`,
    ...(enabled.length === 0 ? [] : [`--enable-admission-plugins=${enabled.join(',')}`]),
    `--audit-policy-file=${files.auditPolicy}`,
    `--audit-log-path=${files.auditLog}`,
    // Endpoints may not contain a loopback address: the reconciler would log errors forever.
    '--endpoint-reconciler-type=none',
    ...(options.apiServerFlags ?? []),
  ];
}
