/** The hosts that are held, with `host` of the rule of each. Asked for each host that comes or goes, while there may be hundreds. */
export class HeldRules {
  readonly #rules = new Map<string, string>();
  /** By `host` of the rule, how many hosts need it. */
  readonly #needs = new Map<string, number>();

  get rules(): ReadonlyMap<string, string> {
    return this.#rules;
  }

  /** Whether any host is held with this rule. */
  needs(ruleHost: string): boolean {
    return this.#needs.has(ruleHost);
  }

  set(host: string, ruleHost: string): void {
    this.delete(host);
    this.#rules.set(host, ruleHost);
    this.#needs.set(ruleHost, (this.#needs.get(ruleHost) ?? 0) + 1);
  }

  /** @returns whether it was held */
  delete(host: string): boolean {
    const ruleHost = this.#rules.get(host);
    if (ruleHost === undefined) return false;
    this.#rules.delete(host);
    const others = (this.#needs.get(ruleHost) ?? 0) - 1;
    if (others > 0) this.#needs.set(ruleHost, others);
    else this.#needs.delete(ruleHost);
    return true;
  }
}
