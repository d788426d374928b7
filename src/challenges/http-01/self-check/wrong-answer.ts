import { presentable } from '../../../../machines/reasons/foreign-text.ts';

/** An answer of the host itself that is not ours. */
export interface WrongAnswer {
  readonly status: number;
  readonly body: string;
  /** The token that was asked for. */
  readonly token: string;
  /** IP address that answered. */
  readonly address: string;
  /** The header `Server` of an address of the internet; undefined for others, which may be internal servers. */
  readonly server: string | undefined;
}

const longestServer = 40;
/** Of `Server`, which tells a CDN from the ingress controller. */
const cdn =
  /cloudflare|cloudfront|akamai|fastly|varnish|sucuri|imperva|incapsula|bunny|keycdn|netlify|vercel|ddos-guard|azure/i;

/** The message about a wrong answer. */
export interface Description {
  /** What answered, and what that usually means: a clause after the host's name. */
  readonly what: string;
  /** The address that answered, and its `Server`. */
  readonly from: string;
  /** Instead of the usual one. */
  readonly remedy: string | undefined;
}

export function describeWrongAnswer({ status, body, token, address, server }: WrongAnswer): Description {
  const name = presentable((server ?? '').replaceAll(/["\\]/g, ''), longestServer);
  const from = name === '' ? address : `${address} (Server: "${name}")`;
  const isCdn = cdn.test(name);
  const what = `answers the challenge with status ${status} from ${from}${meaningOf(status, body, token, isCdn)}`;
  const isOfCdn = (isCdn && status !== 200) || (status >= 520 && status <= 530);
  return { what, from, remedy: isOfCdn ? remedyAtCdn : undefined };
}

const remedyAtCdn =
  'Let the CDN take /.well-known/acme-challenge/ from the ingress controller, over http and without cache, firewall and redirect; or point the DNS of the host at the ingress controller.';

function meaningOf(status: number, body: string, token: string, isCdn: boolean): string {
  if (status === 200) {
    return body.startsWith(`${token}.`)
      ? ', but for another ACME account: another ACME client is in the way'
      : ", but not with kube-lego's text: the application or another server took the request";
  }
  const usual = isCdn ? meaningsAtCdn[status] : undefined;
  const meaning = usual ?? meanings[status];
  if (meaning !== undefined) return `: ${meaning}`;
  if (status >= 500) return `: ${isCdn ? meaningsAtCdn[502] : meanings[502]}`;
  return ' instead of 200';
}

const closed = 'authentication, an allow-list or a firewall is in front of the challenge path';
const unreached =
  'the ingress controller cannot reach kube-lego, or something in front of it cannot reach the ingress controller';
const tls =
  'a CDN in front asks the ingress controller over https, and takes no certificate that is missing or not valid yet';

const meanings: Readonly<Record<number, string>> = {
  401: closed,
  403: closed,
  404: 'the challenge rule is not in effect there, or another server was asked',
  407: closed,
  410: 'another server was asked, or the site has been removed there',
  421: 'another server was asked, which does not serve this host',
  429: 'a rate limit is in front of the challenge path',
  502: unreached,
  503: 'the ingress controller cannot reach kube-lego, or something in front of it is in maintenance',
  504: unreached,
  // Of Cloudflare (its documentation, "Cloudflare 5xx errors"), also used by others.
  520: 'a CDN in front gets no proper answer of the ingress controller',
  521: 'a CDN in front is refused the connection to the ingress controller',
  522: 'a CDN in front cannot connect to the ingress controller',
  523: 'a CDN in front cannot reach the ingress controller',
  524: 'a CDN in front waits in vain for the ingress controller',
  525: tls,
  526: tls,
  530: 'a CDN in front does not find the ingress controller',
};

const meaningsAtCdn: Readonly<Record<number, string>> = {
  403: 'the CDN in front refuses the challenge path (firewall, bot protection)',
  404: 'the CDN in front answers itself, or asks another server than the ingress controller',
  502: 'the CDN in front cannot reach the ingress controller',
  503: 'the CDN in front is in maintenance or protects the site, or cannot reach the ingress controller',
};
