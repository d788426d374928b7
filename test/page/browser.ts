import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium as driver } from 'playwright-core';
import { stringField } from '../../src/process/json.ts';

const run = promisify(execFile);
const packageFile = new URL('../../node_modules/@sparticuz/chromium/package.json', import.meta.url);
/** Milliseconds, on a busy machine. */
const unpackLimit = 180_000;

/** A real browser out of a package: it unpacks itself, and needs nothing of the system. */
export async function openBrowser(): Promise<Browser> {
  return driver.launch({
    executablePath: await unpacked(),
    // Not the package's own: with those, the process ends with its first page, and web security is off.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'],
    headless: true,
    timeout: 60_000,
  });
}

/**
 * The package takes whatever stands in the folder for temporary files for its browser, even what another process is still writing. So it
 * unpacks into a folder that nobody else knows, which then gets its name.
 * @returns path of the browser
 */
async function unpacked(): Promise<string> {
  const version = stringField(JSON.parse(await readFile(packageFile, 'utf8')), 'version') ?? '';
  const folder = join(tmpdir(), `kube-lego-browser-${version}`);
  const browser = join(folder, 'chromium');
  if (await exists(browser)) return browser;
  const own = await mkdtemp(`${folder}-`);
  try {
    const program = "import chromium from '@sparticuz/chromium'; await chromium.executablePath();";
    await run(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, TMPDIR: own },
      timeout: unpackLimit,
    });
    await rename(own, folder);
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    // Another process was faster.
    if (!(await exists(browser))) throw error;
  }
  return browser;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
