import { RepairPace } from '../repair-pace.ts';
import type { Validated } from './challenge-manifest.ts';

const nothing: Validated = { rules: new Map(), thumbprint: undefined };

/**
 * How often a challenge Ingress was written again only because somebody had changed it: a mutating webhook or a controller that does so
 * each time must not make a loop of writes, each of which may reload the ingress controller.
 */
export class RuleRepairs extends RepairPace {
  /** As of the last successful write. */
  #placed: Validated = nothing;

  /** The API server has taken this. */
  placed({ rules, thumbprint }: Validated): void {
    this.#placed = { rules: new Map(rules), thumbprint };
  }

  /** There is no object any more. */
  removed(): void {
    this.#placed = nothing;
  }

  /** Whether this write would only repeat the last one. */
  isRepair({ rules, thumbprint }: Validated): boolean {
    return rules.entries().every(([host, ruleHost]) => this.wasPlaced(host, ruleHost, thumbprint));
  }

  /** Whether this rule was in the last successful write, with this thumbprint. */
  wasPlaced(host: string, ruleHost: string, thumbprint: string | undefined): boolean {
    return this.#placed.thumbprint === thumbprint && this.#placed.rules.get(host) === ruleHost;
  }
}
