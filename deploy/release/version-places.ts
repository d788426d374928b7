// Where the version of kube-lego stands. package.json says which it is; a release writes it into the others, and a test compares them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** By file: what precedes the version there, as regular expressions. */
const places: Readonly<Record<string, readonly string[]>> = {
  'package.json': ['"version": "'],
  'package-lock.json': ['"name": "kube-lego",\n  "version": "', '"name": "kube-lego",\n      "version": "'],
  'deploy/chart/Chart.yaml': ['\nversion: ', '\nappVersion: '],
  'deploy/base/deployment.yaml': ['image: kube-lego:'],
  'deploy/overlays/example/kustomization.yaml': ['newTag: '],
  'deploy/overlays/private-ca/kustomization.yaml': ['newTag: '],
  'README.md': ['registry\\.example\\.com/kube-lego:'],
};

/** semver.org, without build metadata, which no tag of an image may contain. */
const semanticVersion = /\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?/;

/** A place in a file, and the version that stands there. */
export interface VersionPlace {
  readonly file: string;
  /** empty: the place is missing */
  readonly version: string;
}

/** @param root of the repository */
export function readVersions(root: string): VersionPlace[] {
  return Object.entries(places).flatMap(([file, prefixes]) => {
    const text = readFileSync(join(root, file), 'utf8');
    return prefixes.flatMap((prefix) => {
      const found = [...text.matchAll(versionAfter(prefix))].map(([version]) => ({ file, version }));
      return found.length === 0 ? [{ file, version: '' }] : found;
    });
  });
}

/** @returns the changed texts, by file */
export function writeVersion(root: string, version: string): Map<string, string> {
  const texts = Object.entries(places).map(([file, prefixes]): [string, string] => {
    const text = readFileSync(join(root, file), 'utf8');
    return [file, prefixes.reduce((part, prefix) => part.replaceAll(versionAfter(prefix), version), text)];
  });
  return new Map(texts);
}

export function isVersion(text: string): boolean {
  return new RegExp(`^${semanticVersion.source}$`).test(text);
}

/** The next one of a series of previews: 1.0.0-alpha.1 → 1.0.0-alpha.2, 1.0.0-beta → 1.0.0-beta.1. After a finished version: its next patch. */
export function nextVersion(version: string): string {
  const [, before = '', last] = /^(.*\.)(\d+)$/.exec(version) ?? [];
  return last === undefined ? `${version}.1` : `${before}${Number(last) + 1}`;
}

function versionAfter(prefix: string): RegExp {
  return new RegExp(`(?<=${prefix})${semanticVersion.source}`, 'g');
}
