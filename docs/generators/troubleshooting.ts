import type { CertificateEntry, StatusDocument } from '../../machines/ingress/status.ts';
import { type Occasion, occasions } from '../../machines/reasons/event-reasons.ts';
import { type FailureKind, type Reason, reasons } from '../../machines/reasons/reasons.ts';

const sections: Readonly<Record<Reason['about'], string>> = {
  Ingress: 'What is wrong with the Ingress',
  Secret: 'What is wrong with the Secret',
  challenge: 'What is in the way of the challenge',
  CA: 'What the CA says',
  cluster: 'What is wrong around kube-lego',
};

const consequences: Readonly<Record<FailureKind, string>> = {
  attempt:
    'It is tried again after about 1, 10 and 100 minutes, then once a day, but never before the CA allows it.',
  transient: "It is nobody's failure, and is tried again within minutes.",
  terminal:
    'Nothing is tried until the Ingress or the Secret changes; it is looked at again every `LEGO_CHECK_INTERVAL`.',
  notice: 'Nothing has failed; it is said so that you know.',
};

/** docs/troubleshooting.md, from the same table as the Events, the status and `kube-lego explain`. */
export function troubleshootingGuide(): string {
  const all = Object.entries<Reason>(reasons);
  const chapters = Object.entries(sections).map(([about, title]) => {
    const entries = all.filter(([, reason]) => reason.about === about).map(entry);
    return `## ${title}\n\n${entries.join('\n')}`;
  });
  const besides = Object.entries<Occasion>(occasions).map(occasion);
  return `${introduction}\n${chapters.join('\n')}\n## What Events tell besides\n\n${besides.join('\n')}`;
}

function entry([code, { meaning, remedy, kind }]: [string, Reason]): string {
  return section(code, `${meaning} ${consequences[kind]}`, remedy);
}

function occasion([reason, { meaning, remedy = 'Nothing.' }]: [string, Occasion]): string {
  return section(reason, meaning, remedy);
}

function fields(prefix: string, meanings: Readonly<Record<string, string>>): string {
  return Object.entries(meanings)
    .map(([field, meaning]) => `| \`${prefix}${field}\` | ${meaning} |`)
    .join('\n');
}

function section(title: string, text: string, remedy: string): string {
  return `### ${title}\n\n${text}\n\n**What to do:** ${remedy}\n`;
}

const entryFields: Readonly<Record<keyof CertificateEntry, string>> = {
  state: '`good`, `failed`, or `waiting` for a limit of the CA',
  since: 'when state and reason became what they are',
  notAfter: 'the end of the certificate that serves now; for a failed one absent if there is none',
  renewAt: 'when it is renewed',
  reason: 'one of the codes below',
  message: 'what happened, and what to do',
  host: 'the host to blame, where it is one',
  failures: 'how often in a row it has failed',
  nextAttempt:
    'when it is tried again; absent where only a change helps, and where it is a matter of minutes',
  blockedUntil: 'until when the CA or the API server asked us to wait',
  rescued:
    "when an order without failing hosts, or for hosts that were to come back, came to nothing; another such order is made after a third of the certificate's lifetime",
  input:
    'a mark of the hosts and settings that failed: once others are asked for, what is told here no longer counts',
  notices: 'what to know besides: `reason` and `message`',
};

const documentFields: Readonly<Record<Exclude<keyof StatusDocument, 'secrets'> | 'version', string>> = {
  notices: 'the same about the Ingress itself',
  omitted: 'Secrets and notices for which there was no room',
  retry: 'which `kube-lego.io/retry` was acted on',
  ingress: 'the uid of the Ingress: text that was copied to another one does not count there',
  handedBy: 'the annotation that handed the Ingress to kube-lego, where it is not `kubernetes.io/tls-acme`',
  version: 'of this format: 1',
};

const introduction = `# Troubleshooting

<!-- Written by \`npm run docs\`; a test compares it with machines/reasons/reasons.ts. -->

An Ingress without a good certificate always has a reason, and a reason always has a remedy. Where to look, from the quickest:

- \`kubectl describe ingress NAME\`: Events with the reason, what happened and what to do, and the annotation below.
- \`kube-lego explain NAMESPACE/NAME\`: walks from the annotation to the certificate and says where the way ends.
- \`kube-lego status\`: all Ingresses in a table; \`--problems\` for those only that need somebody.
- \`kubectl logs -n kube-lego deployment/kube-lego\`: the same and more, as JSON.

The two commands only read, with your own kubeconfig (here \`kube-lego\` is \`node src/main.ts\`) or in the pod, where the controller
itself is asked, too: \`kubectl exec -n kube-lego deployment/kube-lego -- kube-lego explain shop/web\`. Their exit code is 0 if all is
well, 1 if something is wrong or may not be looked at, 2 if the command line is wrong, 3 if the API server cannot be asked.

To try again at once when you have mended something: \`kubectl annotate ingress NAME --overwrite kube-lego.io/retry="$(date)"\`. At most
three times an hour, and never before a time that the CA has named.

## The annotation \`kube-lego.io/status\`

Compact JSON, written when an outcome changes, never for what is merely under way. A certificate that was good when kube-lego first
saw it needs no word, and gets none. Times are in UTC. After a restart kube-lego goes on from here: a failing certificate waits as
long as it would have. What others write into it is believed so far only as it makes nothing happen earlier than the CA allows, or later
than after a day.

| field | meaning |
| --- | --- |
${fields('secrets.NAME.', entryFields)}
${fields('', documentFields)}
`;
