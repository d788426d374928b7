/** Beyond it, they are collected anew: there are few, unless somebody makes up many. */
const mostValues = 1000;

/** One object for all that say the same: a hundred thousand Ingresses have few classes and namespaces. */
export class SharedValues<T> {
  readonly #known = new Map<string, T>();

  of(key: string, make: () => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= mostValues) this.#known.clear();
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}
