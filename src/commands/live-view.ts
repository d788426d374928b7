import { request } from 'undici';
import type { IngressView } from '../../machines/ingress-view.ts';
import { isRecord } from '../json.ts';

const timeLimit = 1000;
const longestAnswer = 64 * 1024 * 1024;

/**
 * The Ingress as the controller on this machine sees it: in its pod, or through `kubectl port-forward`.
 *
 * @returns undefined where there is none, or it does not know the Ingress
 */
export async function liveView(
  port: number,
  ingress: string,
  signal: AbortSignal,
): Promise<IngressView | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]);
    const { statusCode, headers, body } = await request(`http://127.0.0.1:${port}/ingresses`, {
      signal: limit,
    });
    if (statusCode !== 200 || Number(headers['content-length'] ?? 0) > longestAnswer) {
      await body.dump();
      return undefined;
    }
    const views: unknown = await body.json();
    return Array.isArray(views) ? views.find((view) => isView(view) && view.ingress === ingress) : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function isView(view: unknown): view is IngressView {
  return (
    isRecord(view) &&
    typeof view['ingress'] === 'string' &&
    typeof view['state'] === 'string' &&
    isRecord(view['next']) &&
    typeof view['next']['action'] === 'string' &&
    Array.isArray(view['problems'])
  );
}
