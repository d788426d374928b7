import { someOf } from '../../../../machines/reasons/foreign-text.ts';

/**
 * The API server has no challenge rule for these hosts: `removed` if it was written, and somebody has removed it each time; else
 * `not-written`, because no write has succeeded in time.
 */
export class RuleNotServedError extends Error {
  override readonly name = 'RuleNotServedError';
  readonly code: 'removed' | 'not-written';
  readonly hosts: readonly string[];

  constructor(code: RuleNotServedError['code'], hosts: readonly string[]) {
    const rules =
      hosts.length === 1 ? `The challenge rule for ${hosts[0]}` : `The challenge rules for ${someOf(hosts)}`;
    const verb = hosts.length === 1 ? 'is' : 'are';
    super(
      code === 'removed'
        ? `${rules} ${verb} removed from the challenge Ingress each time kube-lego writes it: by a mutating webhook, or by a controller that changes Ingresses.`
        : `${rules} could not be written in time.`,
    );
    this.code = code;
    this.hosts = hosts;
  }
}
