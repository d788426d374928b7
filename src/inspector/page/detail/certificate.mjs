import { element, mark } from '../dom.mjs';
import { calendarDay, counted, distance, moment } from '../words.mjs';
import { hostTable } from './hosts.mjs';
import { lifetime } from './lifetime.mjs';

/** @import { CertificateDetail, HostElsewhere } from '../../protocol.ts' */

/** @type {Readonly<Record<string, string>>} */
const signs = { good: 'idle', failed: 'backing-off', unchecked: 'checking' };

/**
 * One Secret: its certificate, renewal, and the progress of each host.
 *
 * @param {CertificateDetail} certificate
 * @param {number} now
 * @param {string} [told] a message already shown above
 */
export function certificateCard(certificate, now, told) {
  const { secret, state, error, hold, hosts } = certificate;
  const sign = signs[state] ?? state;
  const card = element(
    'section',
    { class: 'card certificate', 'aria-label': `Secret ${secret}` },
    element(
      'header',
      {},
      element('h3', { class: 'secret' }, secret),
      element('span', { class: `state ${sign}` }, mark(sign).sign, state),
    ),
  );
  if (error !== undefined) {
    const message = error.message === told ? '' : ` ${error.message}`;
    card.append(element('p', { class: 'why' }, element('b', {}, error.code), message));
  }
  if (hold !== undefined) {
    card.append(
      element(
        'p',
        { class: 'why' },
        element('b', {}, 'Waits'),
        ` for room: ${hold.scope}, ${distance(hold.until, now)}`,
      ),
    );
  }
  const line = lifetime(certificate, now);
  if (line !== undefined) card.append(line);
  card.append(facts(certificate, now));
  if (hosts.length > 0) card.append(hostTable(hosts));
  return card;
}

/** @param {CertificateDetail} certificate @param {number} now */
function facts(certificate, now) {
  const { names, issuer, notBefore, notAfter, renewalWindow, renewAt, failures, nextAttemptAt } = certificate;
  const list = element('dl', {});
  /** @param {string} term @param {string | undefined} text @param {string} [title] */
  const add = (term, text, title) => {
    if (text !== undefined) list.append(element('dt', {}, term), element('dd', { title }, text));
  };
  add('Names', names?.join(', '));
  add('Issuer', issuer);
  add('Valid', range(notBefore, notAfter, now), notAfter === undefined ? undefined : moment(notAfter));
  if (renewalWindow !== undefined) {
    const { start, end, url } = renewalWindow;
    add(
      'ARI window',
      `${calendarDay(start)} to ${calendarDay(end)}${url === undefined ? '' : `, ${url}`}`,
      `${moment(start)} – ${moment(end)}`,
    );
  }
  add('Renewal', renewAt === undefined ? undefined : `${moment(renewAt)}, ${distance(renewAt, now)}`);
  add('Failures', failures === 0 ? undefined : `${counted(failures, 'time')} in a row`);
  add(
    'Next attempt',
    nextAttemptAt === undefined ? undefined : `${moment(nextAttemptAt)}, ${distance(nextAttemptAt, now)}`,
  );
  for (const { host, by, namespace, until } of certificate.elsewhere ?? []) {
    const end = until === undefined ? '' : `, until ${moment(until)}`;
    add(host, `${namespace === undefined ? '' : `belongs to ${namespace}: `}${reasonsOfOwners[by]}${end}`);
  }
  return list;
}

/** @type {Readonly<Record<HostElsewhere['by'], string>>} */
const reasonsOfOwners = {
  reservation: 'reserved by kube-lego.io/domains',
  holder: 'it holds the last certificate',
  grace: 'it held the last certificate, and nothing there names the host any more',
  claim: 'one of its sources routes or lists the host first',
  wildcard: 'it holds the wildcard above',
  'hosts-below': 'a host below this wildcard is its own',
  nobody: 'no Namespace reserves it, and LEGO_REQUIRE_DOMAINS is true',
  unknown: 'Namespaces cannot be read, and LEGO_REQUIRE_DOMAINS is true',
  anyone: 'free',
};

/** @param {number | undefined} start @param {number | undefined} end @param {number} now */
function range(start, end, now) {
  if (end === undefined) return undefined;
  const from = start === undefined ? '' : `${calendarDay(start)} `;
  return `${from}to ${calendarDay(end)}, ${end > now ? 'ends' : 'ended'} ${distance(end, now)}`;
}
