import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { arrayField, isRecord, parsedJson, stringField } from '../../process/json.ts';
import { type CaAnswer, caName } from './connection.ts';
import { AcmeProblem, type Endpoint } from './problem.ts';
import { absoluteUrl, readLinks, readProblem } from './problem-document.ts';
import { readRetryAfter, readRetryAfterWords } from './retry-after.ts';

/** An answer of the CA with its request. */
export interface Answered {
  readonly endpoint: Endpoint;
  readonly url: string;
  readonly answer: CaAnswer;
  /** The body, if it is JSON. */
  readonly json: unknown;
  /** When the CA has answered, by its own word if it gives one; milliseconds since the epoch. A Retry-After date counts from here. */
  readonly at: number;
}

/** Certificates; each costs milliseconds to parse. Real chains have two to four. */
const longestChain = 16;
const mostAlgorithms = 20;
const longestTarget = 200;
/** RFC 8555 sections 7.6 and 7.3.5 ask for no body. */
const emptyAnswers: ReadonlySet<Endpoint> = new Set(['revoke-cert', 'key-change']);
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function answered(endpoint: Endpoint, url: string, answer: CaAnswer, at: number): Answered {
  return { endpoint, url, answer, json: parsedJson(answer.text.replace(/^\uFEFF/, '')), at };
}

/** Milliseconds since the epoch: an HTTP date has four digits for the year, but V8 reads more, up to the last time that can be printed. */
const latestDate = Date.UTC(9999, 0);

/** The time in the `Date` header, in milliseconds since the epoch. */
export function answerDate(answer: CaAnswer): number | undefined {
  const date = Date.parse(answer.headers['date'] ?? '');
  return date >= 0 && date < latestDate ? date : undefined;
}

/** Retry-After in milliseconds. */
export function retryAfterOf({ answer, at }: Answered): number | undefined {
  return readRetryAfter(answer.headers['retry-after'], at);
}

/** Whether the error is badNonce: sign and send the request again (RFC 8555 section 6.5). */
export function rejectsNonce({ answer, json }: Answered): boolean {
  return answer.status === 400 && stringField(json, 'type') === 'urn:ietf:params:acme:error:badNonce';
}

/**
 * The body of a successful answer: PEM for a certificate, else a JSON object; an empty one if it cannot be read, but the answer says
 * where the resource is, or if there is nothing to say.
 * @throws AcmeProblem if it is anything else, or for an error status
 */
export function contentOf(from: Answered): string | Record<string, unknown> {
  const { answer, endpoint, json } = from;
  if (answer.status >= 300) throw refusal(from);
  if (endpoint === 'certificate') return chainOf(from);
  if (isRecord(json)) return json;
  if (emptyAnswers.has(endpoint) && answer.text === '') return {};
  if (locationOf(from) !== undefined) return {};
  throw invalid(from, 'is no JSON object');
}

/** A body may be cut although HTTP is well-formed: each certificate must have its end. */
function chainOf(from: Answered): string {
  const { text } = from.answer;
  const certificates = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (certificates === 0) throw invalid(from, 'holds no certificate');
  if (certificates > longestChain) throw invalid(from, `holds ${certificates} certificates`);
  const rest = text.replaceAll(/-----BEGIN ([A-Z0-9 ]{1,64})-----[^-]*-----END \1-----/g, '');
  if (/^-/m.test(rest)) throw invalid(from, 'is cut off within a certificate');
  return text;
}

/** The URL in the `Location` header; it may be relative (RFC 9110 section 10.2.2). */
export function locationOf({ answer, url }: Answered): string | undefined {
  const location = answer.headers['location'];
  return location === undefined ? undefined : absoluteUrl(location, url);
}

/** Where the answer redirects to; undefined if it does not. */
export function redirectOf(from: Answered): string | undefined {
  return redirects.has(from.answer.status) ? locationOf(from) : undefined;
}

/** An answer that violates the protocol. The message never contains the body: it can be anything, of any length. */
export function invalid({ endpoint, url, answer, at }: Answered, fault: string): AcmeProblem {
  const { headers, status, text } = answer;
  const kind = headers['content-type']?.split(';')[0] ?? 'no content type';
  const size = text === '' ? 'empty' : `${text.length} characters`;
  return new AcmeProblem({
    type: isBusy(endpoint, status) ? 'busy' : 'invalidResponse',
    detail: `the answer with status ${status} ${fault} (${kind.slice(0, 80)}, ${size})`,
    endpoint,
    ca: caName(url),
    status,
    // That of a good answer is for the next request after one that can be read.
    retryAfter: status < 300 ? undefined : readRetryAfter(headers['retry-after'], at),
  });
}

/** Of a load balancer, without the CA's explanation. The answer to HEAD new-nonce never has one. */
function isBusy(endpoint: Endpoint, status: number): boolean {
  return status === 429 || status === 503 || (endpoint === 'new-nonce' && status >= 500);
}

/** The CA's problem document as an error. */
export function refusal(from: Answered): AcmeProblem {
  const { answer, at, endpoint, url } = from;
  const problem = readProblem(from.json, answer.status);
  const target = redirectOf(from);
  if (problem === undefined && target !== undefined)
    return invalid(from, `redirects to ${oneLine(target, longestTarget)}, which is not followed`);
  if (problem === undefined) return invalid(from, 'explains nothing');
  return new AcmeProblem({
    ...problem,
    endpoint,
    ca: caName(url),
    retryAfter: retryAfterOf(from) ?? readRetryAfterWords(problem.detail, at),
    termsOfService: readLinks(answer.headers['link'], 'terms-of-service', url)[0],
    algorithms: readAlgorithms(from.json),
  });
}

function readAlgorithms(json: unknown): string[] {
  const names = arrayField(json, 'algorithms').slice(0, mostAlgorithms);
  return names.filter((name) => typeof name === 'string' && /^[A-Za-z0-9-]{1,20}$/.test(name)).map(String);
}
