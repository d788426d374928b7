import type { CertificateEntry, StatusDocument } from '../../machines/ingress/status.ts';
import { type Occasion, occasions } from '../../machines/reasons/event-reasons.ts';
import type { FailureKind, Reason } from '../../machines/reasons/reason.ts';
import { reasons } from '../../machines/reasons/reasons.ts';

const sections: Readonly<Record<Reason['about'], string>> = {
  source: 'What is wrong with the Ingress, Gateway or ListenerSet',
  Ingress: 'What is wrong with an Ingress only',
  Gateway: 'What is wrong with a Gateway or ListenerSet only',
  Secret: 'What is wrong with the Secret',
  challenge: 'What blocks the challenge',
  CA: 'What the CA says',
  cluster: 'What is wrong around kube-lego',
};

const consequences: Readonly<Record<FailureKind, string>> = {
  attempt:
    'It is tried again after about 1, 10 and 100 minutes, then daily, but never before the CA allows it.',
  check:
    'The CA was not asked to validate anything. It is checked again every minute at first, every five minutes later, and every half hour after a day (less often where hundreds of hosts fail).',
  transient: 'It does not count as a failure, and is tried again within minutes.',
  terminal:
    'Nothing is tried until the Ingress or Gateway, or the Secret, changes; it is checked again every `LEGO_CHECK_INTERVAL`.',
  notice: 'For information: nothing has failed.',
};

/** docs/troubleshooting.md, from the table behind the Events, the status and `kube-lego explain`. */
export function troubleshootingGuide(): string {
  const all = Object.entries<Reason>(reasons);
  const chapters = Object.entries(sections).map(([about, title]) => {
    const entries = all.filter(([, reason]) => reason.about === about).map(entry);
    return `## ${title}\n\n${entries.join('\n')}`;
  });
  const others = Object.entries<Occasion>(occasions).map(occasion);
  return `${introduction}\n${chapters.join('\n')}\n## Other Events\n\n${others.join('\n')}`;
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
  state: '`good`, `failed`, or `waiting` for a limit of the CA, or for an order that it takes long over',
  since: 'when state and reason last changed',
  notAfter: 'end of the certificate in use, also while the next one fails or waits; absent if there is none',
  renewAt: 'when it will be renewed',
  reason: 'one of the codes below',
  message: 'what happened, and what to do, as an array of lines',
  host: 'the host that failed, if it is one',
  failures: 'number of failures in a row',
  nextAttempt: 'when it is tried again; absent if only a change helps, or if it is within minutes',
  blockedUntil: 'until when the CA or the API server asked to wait',
  rescued:
    "when an order without the failing hosts, or one to add hosts again, failed; the next such order is made after a third of the certificate's lifetime",
  input: 'hash of the hosts and settings that failed; once they change, this entry no longer counts',
  notices: 'further information: `reason` and `message`',
};

const documentFields: Readonly<Record<Exclude<keyof StatusDocument, 'secrets'> | 'version', string>> = {
  notices: 'the same, about the Ingress or Gateway itself',
  omitted: 'Secrets and notices that did not fit',
  retry: 'the last value of `kube-lego.io/retry` that was acted on',
  ingress: 'uid of the object: a copy on another one does not count',
  handedBy: 'the annotation by which kube-lego manages the object, if it is not `kubernetes.io/tls-acme`',
  version: 'version of this format: 1',
};

const introduction = `# Troubleshooting

<!-- Written by \`npm run docs\`; a test compares it with machines/reasons/reasons.ts. -->

An Ingress, Gateway or ListenerSet without a good certificate always has a reason, and a reason always has a remedy. Where to look, quickest first:

- \`kubectl describe ingress NAME\` (or \`gateway\`, \`listenerset\`): Events with the reason, what happened and what to do, and the annotation below.
- \`kube-lego explain NAMESPACE/NAME\`, or \`kube-lego explain gateway NAMESPACE/NAME\`: checks each step from the annotation to the certificate.
- \`kube-lego status\`: all of them in a table, and which pod leads; \`--problems\` shows only those that need action.
- \`kubectl logs -n kube-lego deployment/kube-lego\`: the same with more details, as JSON.

The two commands only read, either with your own kubeconfig ([\`kubectl lego\`](kubectl-plugin.md)), or in the pod, where they also ask the
controller: \`kubectl exec -n kube-lego deployment/kube-lego -- kube-lego explain shop/web\`. Their exit code is 0 if all is well, 1 if
something is wrong or may not be read, 2 if the command line is invalid, 3 if the API server cannot be reached. In the pod they share the
memory limit of the controller: a command begins after those before it have, and says so if less than 128 MiB are left.

To try again at once after a fix: \`kubectl annotate ingress NAME --overwrite kube-lego.io/retry="$(date)"\`, or \`kubectl lego retry\`. At most three times an
hour, and never before a time that the CA has given.

## The annotation \`kube-lego.io/status\`

JSON in lines that \`kubectl describe\` shows in full, written when an outcome changes, not for work in progress. A certificate that was
good when kube-lego first saw it gets no entry. Times are in UTC. After a restart kube-lego continues from it: a failing certificate waits
as long as it would have. What others write into it can make nothing happen earlier than the CA allows, or later than after a day.

| field | meaning |
| --- | --- |
${fields('secrets.NAME.', entryFields)}
${fields('', documentFields)}
`;
