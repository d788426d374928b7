// The commands and their help.

export const commands = [
  'status',
  'explain',
  'retry',
  'revoke',
  'account',
  'zones',
  'import',
  'page',
] as const;
export type Command = (typeof commands)[number];

const exitCodes = `Exit code: 0 all is well, 1 something is wrong or may not be read, 2 the command line or a setting is
invalid, 3 the API server cannot be reached.`;
const settings = `Reads with your kubeconfig (KUBECONFIG), in a pod with its ServiceAccount, and writes nothing. LEGO_ variables of the
controller that differ from the defaults (LEGO_NAMESPACE, LEGO_URL, LEGO_WATCH_NAMESPACE, LEGO_KUBE_ANNOTATION, ...)
have to be set here, too: without LEGO_GATEWAY_API no Gateway is read, without LEGO_DNS_ZONES no wildcard is possible.
In its pod they are:
  kubectl exec -n kube-lego deployment/kube-lego -- kube-lego`;
const common = `  -o, --output text|json  default: text
      --context NAME      context of the kubeconfig
  -h, --help              this text`;

export const help: Readonly<Record<Command, string>> = {
  status: `Usage: kube-lego status [options]

The state of every managed Ingress, Gateway and ListenerSet (LEGO_GATEWAY_API), a line for each Secret: its
certificate, or why there is none, and what happens next; then the Secrets that none of them names any more, and the
watched namespaces whose Ingresses may not be listed.

  -n, --namespace NAME    only this namespace
      --problems          only what needs action
  -w, --watch             repeat every few seconds
${common}

${settings} status
${exitCodes}
`,
  explain: `Usage: kube-lego explain [KIND] NAMESPACE/NAME [options]

KIND is ingress (default), gateway or listenerset.

Why this Ingress, Gateway or ListenerSet has a certificate or none, what happens next and what to do: checks annotation,
class or listeners, hosts, DNS, challenge path, Secret and the last answer of the CA. In the pod, or with a kubectl
port-forward of port 9403, it also asks the controller: its state, the progress of each host, what an order waits for,
and the last transitions.

      --offline           skip the checks of DNS and hosts
${common}

${settings} explain [KIND] NAMESPACE/NAME
${exitCodes}
`,
  retry: `Usage: kube-lego retry [KIND] NAMESPACE/NAME [options]

KIND is ingress (default), gateway or listenerset.

Has kube-lego try again at once, after a mistake has been mended: sets the annotation kube-lego.io/retry to the time. At
most three times an hour, and never before a time that the CA has given.

${common}

Needs to patch the object with your kubeconfig (KUBECONFIG).
Exit code: 0 it is asked for, 1 there is no such object or it may not be patched, 2 the command line is invalid, 3 the
API server cannot be reached.
`,
  revoke: `Usage: kube-lego revoke NAMESPACE/SECRET --reason REASON [options]

Has the certificate in this Secret revoked (RFC 8555 section 7.6). If an Ingress or Gateway asks for it, it gets one
with a new key first; the old one is served until that is stored, a day at most, and revoked then. The request is
written to Secret kube-lego-revocations in kube-lego's namespace, and the controller does it, also if this command is
ended.

      --reason REASON     keyCompromise: somebody else may have the private key; kube-lego never uses it again
                          superseded: another certificate has taken its place
                          cessationOfOperation: the hosts are given up; first remove what asks for them
                          unspecified
      --serial NUMBER     only the certificate with this serial number, as printed by --dry-run and by openssl. If the
                          Secret has another one by now, nothing is requested: the command says how far the
                          revocation is, if it was requested before
      --now               revoke it at once: until a new certificate is there, a revoked one is served
      --dry-run           only say what would be done
  -y, --yes               ask nothing
${common}

For an older certificate, that the Secret does not hold any more, make another Secret of it and its key, and name that:
  kubectl create secret tls NAME -n NAMESPACE --cert=FILE --key=FILE

Needs to read the Secret, and to read and write Secret kube-lego-revocations: with your kubeconfig (KUBECONFIG), or in
the pod with its ServiceAccount:
  kubectl exec -n kube-lego deployment/kube-lego -- kube-lego revoke NAMESPACE/SECRET --reason REASON --yes
Exit code: 0 it is revoked, 1 it is not, or not yet, 2 the command line or a setting is invalid, 3 the API server cannot
be reached.
`,
  account: `Usage: kube-lego account [options]
       kube-lego account rollover [options]

The ACME account: its CA, URL, status and contact as the CA tells them, type and thumbprint of its key, since when.

rollover gives the account a new key (RFC 8555 section 7.3.5). It is written beside the old one; the controller lets
orders in flight end, begins no others, and has the CA change the key. Then only the new one is kept. The controller
goes on if this command is ended; a crash or a lost answer is resolved by asking the CA which key it knows.

  -y, --yes               ask nothing (rollover)
${common}

Needs to read (and for rollover, to write) the account Secret (LEGO_SECRET_NAME) in kube-lego's namespace, and to reach
the CA:
  kubectl exec -n kube-lego deployment/kube-lego -- kube-lego account
Exit code: 0 the CA says that the account is valid, or its key is changed; 1 not (yet), or there is no account; 2 the
command line or a setting is invalid; 3 the API server cannot be reached.
`,
  zones: `Usage: kube-lego zones [DOMAIN] [options]

The DNS zones by which hosts are proven (LEGO_DNS_ZONES), all or one of them. Each is tried from here: its zone cut and
name servers are looked up, and a test value is written below a name that nobody uses, seen at every name server, and
removed.

      --offline           only show what the ConfigMap says
${common}

Needs to read the ConfigMap and the Secrets that it names, in kube-lego's namespace, and to reach DNS servers and
provider as the controller does:
  kubectl exec -n kube-lego deployment/kube-lego -- kube-lego zones
Exit code: 0 all zones are good, 1 one is not, or there are none, 2 the command line or a setting is invalid, 3 the API
server cannot be reached.
`,
  import: `Usage: kube-lego import cert-manager [options]

Hands the Ingresses that cert-manager sees to over to kube-lego, with their Secrets and certificates: nothing is ordered
before it is due for renewal, and the two never see to the same Secret. Without --apply it only says what would be done,
and what stays with cert-manager and why. docs/migration.md has the way there and back.

  -n, --namespace NAME    only this namespace
      --apply             do it
      --revert            the way back, for what was imported; with --apply it is done
${common}

Uses your kubeconfig (KUBECONFIG). It reads Ingresses, Secrets, Certificates, Issuers and ClusterIssuers. With --apply
it changes annotations of Ingresses and Secrets, and deletes Certificates that were made from an Ingress. Variables
LEGO_ of the controller that are not the defaults (LEGO_URL, LEGO_KUBE_ANNOTATION, ...) have to be set here, too.
Exit code: 0 all can be or is handed over, 1 something is not, 2 the command line or a setting is invalid, 3 the API
server cannot be reached.
`,
  page: `Usage: kube-lego page [options]

Opens the live page of the process that leads in the browser, by kubectl port-forward, until Ctrl-C.

      --no-browser        only print its address
  -o, --output text|json  default: text; json only prints the address, {"pod": ..., "url": ...}
      --context NAME      context of the kubeconfig
  -h, --help              this text

Needs kubectl in PATH, and the right to read the Lease and to forward ports of pods in kube-lego's namespace
(LEGO_NAMESPACE, default: kube-lego).
Exit code: 0 it was ended by Ctrl-C, 1 nobody leads or kubectl failed, 2 the command line is invalid, 3 the API server
cannot be reached.
`,
};

const summaries: Readonly<Record<Command, string>> = {
  status: 'the state of every managed Ingress and Gateway',
  explain: 'why an Ingress or Gateway has a certificate or none, and what to do',
  retry: 'try again at once',
  revoke: 'revoke a certificate, with another one in its place',
  account: 'the ACME account; change its key',
  zones: 'the DNS zones by which hosts are proven, each tried',
  import: 'take Ingresses over from cert-manager, or give them back',
  page: 'the live page, in the browser',
};

/** How the user calls the program: for messages. */
export type Program = 'kube-lego' | 'kubectl lego';

/** All commands. */
export function overview(program: Program): string {
  const lines = commands.map((command) => `  ${command.padEnd(9)} ${summaries[command]}`);
  return `Usage: ${program} COMMAND [options]\n\n${lines.join('\n')}\n\nSee ${program} COMMAND --help.\n`;
}

/** The help of a command. */
export function helpOf(command: Command, program: Program): string {
  return asCalled(help[command], program);
}

const named = new RegExp(`(?<![\\w./-]|-- )kube-lego (?=(?:${commands.join('|')})\\b)`, 'g');

/** A text that names commands as `kube-lego COMMAND`, as the user calls the program. In a pod, after `--`, that is kube-lego. */
export function asCalled(text: string, program: Program): string {
  return text.replaceAll(named, `${program} `);
}
