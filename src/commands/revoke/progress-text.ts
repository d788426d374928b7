import type { Revocation } from '../../../machines/revocation/revocation.ts';

/** How far it is, as a sentence. */
export function progressText({
  reason,
  replaceFirst,
  state,
}: Pick<Revocation, 'reason' | 'replaceFirst' | 'state'>): string {
  switch (state.phase) {
    case 'requested':
      return `Its revocation (${reason}) is requested.`;
    case 'replacing':
      return `Its revocation (${reason}) waits until the Secret has a new certificate.`;
    case 'revoking':
      return state.trouble === undefined
        ? `The CA is asked to revoke it (${reason}).`
        : `The CA is asked to revoke it (${reason}), again and again: ${state.trouble}`;
    case 'revoked': {
      const when = new Date(state.at).toISOString();
      const how = state.already === true ? `It had been revoked before ${when}` : `It was revoked at ${when}`;
      return `${how} (${reason}${replaceFirst ? '' : ', at once'}).`;
    }
    case 'failed':
      return `It is not revoked (${reason}): ${state.message}`;
    default:
      return state satisfies never;
  }
}
