import { setTimeout as delay } from 'node:timers/promises';
import type { CaAnswer } from '../../ca/exchange.ts';
import { inParallel } from '../fleet.ts';
import { EndlessHost } from './endless-host.ts';
import { type HostileStage, mallory, pathTo, siteOf } from './hostile-stage.ts';

export interface Attack {
  readonly what: string;
  /** Its objects stay: the controller is measured again when it starts among them. */
  readonly stays: boolean;
  /** @returns what else there is to say */
  begin(stage: HostileStage): Promise<string>;
}

const kibibyte = 1024;
const largest = 1.3 * kibibyte * kibibyte;
const defaultBackend = { service: { name: 'web', port: { number: 80 } } };

export const attacks: readonly Attack[] = [
  { what: 'nothing hostile, for comparison', stays: true, begin: innocent },
  {
    what: 'an Ingress with 140,000 hosts (1.3 MiB)',
    stays: true,
    begin: (stage) => {
      const hosts = Array.from({ length: 140_000 }, (_, index) => `h${index.toString(36)}`);
      return amid(stage, [
        ['many-hosts', {}, { defaultBackend, tls: [{ hosts, secretName: 'many-hosts' }] }],
      ]);
    },
  },
  {
    what: 'kube-lego.io/key-type of 250 KiB',
    stays: true,
    begin: (stage) => {
      const keyType = '-eyJ'.repeat((250 * kibibyte) / 4);
      return amid(stage, [['key-type', { 'kube-lego.io/key-type': keyType }, siteOf('key-type')]]);
    },
  },
  {
    what: '6,000 tls entries in one Ingress',
    stays: true,
    begin: (stage) => {
      const tls = Array.from({ length: 6000 }, (_, index) => ({
        hosts: [`t${index}.example.com`],
        secretName: `t${index}`,
      }));
      return amid(stage, [['many-entries', {}, { defaultBackend, tls }]]);
    },
  },
  {
    what: '30,000 labels of one Ingress',
    stays: true,
    begin: (stage) => {
      const labels = Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`l${index}`, '']));
      return amid(stage, [['many-labels', {}, siteOf('many-labels'), labels]]);
    },
  },
  {
    what: '210 Ingresses of 1.3 MiB, every other one annotated',
    stays: true,
    begin: (stage) => {
      const long = '/'.padEnd(kibibyte, 'x');
      const paths = Array.from({ length: largest / (kibibyte + 120) }, (_, index) =>
        pathTo(`${long}${index}`),
      );
      return amid(
        stage,
        Array.from({ length: 210 }, (_, index) => [
          `large-${index}`,
          index % 2 === 0 ? {} : { 'kubernetes.io/tls-acme': 'false' },
          {
            tls: [{ hosts: [`l${index}.example.com`], secretName: `l${index}` }],
            rules: [{ host: `l${index}.example.com`, http: { paths } }],
          },
        ]),
      );
    },
  },
  { what: "a CA's problems of 344 KiB, with hostile texts and links", stays: false, begin: refusedOrders },
  { what: '20 hosts that answer the self-check with endless 1xx', stays: false, begin: endlessHosts },
];

async function innocent(stage: HostileStage): Promise<string> {
  return `alice has a certificate after ${(await stage.certificateForAlice()).toFixed(1)} s`;
}

/** Alice's certificate amid these Ingresses of mallory. */
async function amid(
  stage: HostileStage,
  ingresses: readonly (readonly [name: string, annotations: object, spec: object, labels?: object])[],
): Promise<string> {
  await inParallel(ingresses, (ingress) => stage.createIngress(mallory, ...ingress), 4);
  return innocent(stage);
}

async function refusedOrders(stage: HostileStage): Promise<string> {
  const { faults } = stage.ca.ca;
  faults.script('new-order', (_, times) => refusals[times % refusals.length]);
  const before = faults.times('new-order');
  try {
    await inParallel(
      Array.from({ length: 20 }, (_, index) => `refused-${index}`),
      (name) => stage.createIngress(mallory, name, { 'kube-lego.io/self-check': 'false' }, siteOf(name)),
    );
    await delay(20_000);
  } finally {
    faults.script('new-order', undefined);
  }
  return `${faults.times('new-order') - before} orders refused`;
}

const texts = [
  'too many certificates ',
  'temporarily prevented from requesting certificates for ',
  'https://',
  '\u001B]0;owned\u0007\u202E',
  '-eyJ',
];

/** Of a length that is refused as a whole, and of one that is read. */
const refusals: readonly CaAnswer[] = texts.flatMap((text) =>
  [344 * kibibyte, 100 * kibibyte].map((length) => {
    const detail = text.repeat(length / text.length);
    const subproblem = {
      type: `urn:ietf:params:acme:error:dns${text}`,
      detail: text,
      identifier: { type: 'dns', value: text },
    };
    return {
      status: 403,
      headers: {
        'content-type': 'application/problem+json',
        link: '<x>;rel="__proto__", <x>;rel="constructor"',
        'replay-nonce': 'hostile',
      },
      body: JSON.stringify({
        type: `urn:ietf:params:acme:error:rejectedIdentifier${text}`,
        detail,
        subproblems: Array.from({ length: 200 }, () => subproblem),
      }),
    };
  }),
);

async function endlessHosts(stage: HostileStage): Promise<string> {
  await using _ = await EndlessHost.start(stage.sitePort);
  const before = await stage.cpuSeconds();
  await inParallel(
    Array.from({ length: 20 }, (_, index) => `endless-${index}`),
    (name) => stage.createIngress(mallory, name, {}, siteOf(name)),
  );
  await delay(30_000);
  return `${((await stage.cpuSeconds()) - before).toFixed(1)} s of CPU in 30 s`;
}
