import { request } from 'undici';
import type { SourceReference } from '../../../machines/ownership/source-key.ts';
import { second } from '../../../machines/time/durations.ts';
import type {
  CertificateDetail,
  HostProgress,
  IngressDetail,
  TimelineEntry,
} from '../../inspector/protocol.ts';
import { readJson } from '../../kubernetes/watch/watch-stream.ts';
import { isRecord } from '../../process/json.ts';

/** The controller's view of an Ingress, if it is on this machine: in its pod, or through `kubectl port-forward`. */
type LiveAnswer =
  | { readonly kind: 'told'; readonly detail: IngressDetail }
  /** It knows another object of this name, probably of another cluster. */
  | { readonly kind: 'stranger' }
  /** No controller, or it does not know the Ingress. */
  | { readonly kind: 'silent' };

const timeLimit = second;
const longestAnswer = 4 * 1024 * 1024;

/**
 * @param uid of the Ingress
 * @throws the signal's reason
 */
export async function askController(
  port: number,
  { kind, namespace, name, uid }: SourceReference & { readonly uid: string },
  signal: AbortSignal,
): Promise<LiveAnswer> {
  const path = [kind, namespace, name].map(encodeURIComponent).join('/');
  try {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}/sources/${path}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]),
    });
    if (statusCode !== 200) {
      await body.dump();
      return { kind: 'silent' };
    }
    const detail = await readJson(body, longestAnswer);
    if (!isDetail(detail)) return { kind: 'silent' };
    return detail.row.uid === uid ? { kind: 'told', detail } : { kind: 'stranger' };
  } catch {
    signal.throwIfAborted();
    return { kind: 'silent' };
  }
}

function isDetail(value: unknown): value is IngressDetail {
  if (!isRecord(value)) return false;
  const { row, certificates, timeline } = value;
  return (
    isRecord(row) &&
    typeof row['uid'] === 'string' &&
    typeof row['state'] === 'string' &&
    typeof row['since'] === 'number' &&
    isListOf(certificates, isCertificate) &&
    isListOf(timeline, isTimelineEntry)
  );
}

function isCertificate(value: unknown): value is CertificateDetail {
  return (
    isRecord(value) &&
    typeof value['secret'] === 'string' &&
    typeof value['state'] === 'string' &&
    isListOf(value['hosts'], isHostProgress)
  );
}

function isHostProgress(value: unknown): value is HostProgress {
  return (
    isRecord(value) &&
    typeof value['host'] === 'string' &&
    isListOf(value['steps'], (step): step is HostProgress['steps'][number] => isRecord(step))
  );
}

function isTimelineEntry(value: unknown): value is TimelineEntry {
  return isRecord(value) && typeof value['at'] === 'number' && typeof value['text'] === 'string';
}

function isListOf<T>(value: unknown, isOne: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isOne);
}
