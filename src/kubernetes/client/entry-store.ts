/** Storage of the entries of a record, as texts by id, where no tenant writes; entries that somebody else has changed are not overwritten. */
export interface EntryStore {
  /** For messages: `NAMESPACE/NAME`. */
  readonly name: string;
  /** @returns undefined if there is none */
  read(signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined>;
  /** @throws KubernetesError Conflict if the entries are not as last read or written here */
  write(entries: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;
}

/** Whether both have the same texts by the same ids. */
export function hasSameEntries(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  return one.size === other.size && [...one].every(([id, text]) => other.get(id) === text);
}
