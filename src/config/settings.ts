import type { Option } from './options/option.ts';
import type { WrittenSetting } from './setting-sources.ts';
import { ValueError } from './values.ts';

const longestEcho = 80;

/** Parses the values of options and collects all errors. */
export class Settings {
  readonly #values: ReadonlyMap<string, WrittenSetting>;
  readonly #readText: (path: string) => string;
  readonly errors: string[] = [];

  /** @param readText reads a file; throws on failure */
  constructor(values: ReadonlyMap<string, WrittenSetting>, readText: (path: string) => string) {
    this.#values = values;
    this.#readText = readText;
  }

  isSet(option: Option<unknown>): boolean {
    return this.#written(option) !== undefined;
  }

  /** The value; the fallback if it is not set or invalid. */
  get<T>(option: Option<T> & { readonly fallback: string }): T {
    return this.find(option) ?? option.parse(option.fallback);
  }

  /** The value; undefined if it is not set or invalid. */
  find<T>(option: Option<T>): T | undefined {
    const written = this.#written(option);
    if (written === undefined) return undefined;
    try {
      return option.parse(written.text);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      this.refuse(option, error.message);
      return undefined;
    }
  }

  /** The parsed content of the file that the option names; the text is never shown. */
  findFile<T>(option: Option<string>, parse: (text: string) => T): T | undefined {
    const path = this.find(option);
    if (path === undefined) return undefined;
    let text: string;
    try {
      text = this.#readText(path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
      this.refuse(option, `must name a file that can be read (${code})`);
      return undefined;
    }
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      this.refuse(option, `names a file whose content ${error.message}`);
      return undefined;
    }
  }

  /** Records an error of the option; the clause follows its name and value. */
  refuse(option: Option<unknown>, clause: string): void {
    const written = this.#written(option);
    const echo =
      written === undefined || option.secret === true || hasCredentials(written.text)
        ? ''
        : `=${shorten(written.text)}`;
    this.errors.push(`${written?.origin ?? option.variable}${echo}: ${clause}.`);
  }

  #written(option: Option<unknown>): WrittenSetting | undefined {
    const written = this.#values.get(option.variable);
    return written?.text === '' ? undefined : written;
  }
}

/** A URL with a password in it, or a private key pasted in the wrong place. */
function hasCredentials(text: string): boolean {
  return /:\/\/[^/]*@/.test(text) || text.includes('PRIVATE KEY');
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > longestEcho ? `${line.slice(0, longestEcho)}…` : line;
}
