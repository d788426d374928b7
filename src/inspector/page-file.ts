import { readFile } from 'node:fs/promises';
import { assets, contentSecurityPolicy } from './page/assets.ts';

interface PageFile {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The file of the page at this path, with the headers of the answer. It is read each time, which is seldom, to save memory.
 *
 * @param path of the URL, without query: `/` or `/page/NAME`
 * @returns undefined if there is none; only listed names are read
 */
export async function pageFile(path: string): Promise<PageFile | undefined> {
  const name = path === '/' ? 'index.html' : path.startsWith('/page/') ? path.slice('/page/'.length) : '';
  const type = assets.get(name);
  if (type === undefined) return undefined;
  const body = await readFile(new URL(`page/${name}`, import.meta.url));
  const headers = {
    'content-type': type,
    'content-length': String(body.length),
    'content-security-policy': contentSecurityPolicy,
    'cache-control': 'no-cache',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
  return { body, headers };
}
