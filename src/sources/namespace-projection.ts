import type { NamespaceSpec } from '../../machines/ownership/holders/holders.ts';
import { domainsAnnotation, parseDomains } from '../../machines/ownership/hosts/reservations.ts';
import { creationTime } from '../kubernetes/watch/projections.ts';
import { recordField, stringField } from '../process/json.ts';

/** What is read of a Namespace. */
export interface ObservedNamespace extends NamespaceSpec {
  /** Words of `kube-lego.io/domains` that are no domain, and reserve nothing; shortened. */
  readonly invalid: readonly string[];
}

/** Characters of the annotation that are read: some hundred domains. */
const longestText = 16_384;
/** Invalid words that are shown, and characters of each. */
const mostShown = 10;
const longestShown = 80;

/** @returns undefined for an object without a name */
export function projectNamespace(object: unknown): ObservedNamespace | undefined {
  const metadata = recordField(object, 'metadata');
  const name = stringField(metadata, 'name');
  if (name === undefined) return undefined;
  const text = stringField(recordField(metadata, 'annotations'), domainsAnnotation) ?? '';
  const { domains, invalid } = parseDomains(withinBound(text));
  const surplus = text.length > longestText ? [`what follows ${longestText} characters`] : [];
  return {
    name,
    createdAt: creationTime(metadata),
    domains,
    invalid: [...surplus, ...invalid.slice(0, mostShown).map(shown)],
  };
}

/** Without a word that the bound would cut. */
function withinBound(text: string): string {
  if (text.length <= longestText) return text;
  return text.slice(0, longestText + 1).replace(/[^\s,]*$/, '');
}

function shown(word: string): string {
  return JSON.stringify(word.length > longestShown ? `${word.slice(0, longestShown)}…` : word);
}
